import { hashOf } from '../../core/hash.ts'
import { partitionCode } from '../define/input-key.ts'
import { readKey } from '../run/landed.ts'
import type { Session } from '../run/session.ts'

/** A hash of what a pipeline's partitions are made by: of two processes of one backfill it must be the same, also where its files are edited meanwhile. */
export function codeOf(session: Pick<Session, 'pipeline' | 'steps' | 'schema'>): string {
  const { pipeline, steps, schema } = session
  const extracted = Object.keys(pipeline.definition.extract).toSorted()
  return hashOf({ made: partitionCode(pipeline, steps), read: extracted.map((name) => readKey(pipeline, schema, name)), schema })
}
