import { randomBytes } from 'node:crypto'
import { together } from '../../core/together.ts'
import type { ReaderResult } from '../../engines/reader.ts'
import { TOGETHER } from './known.ts'
import type { Lane } from './open-relation.ts'
import { type ReadJob, type ReadSource, runAlone, runTogether } from './run-jobs.ts'

/**
 * Ways for small tables, of which a session, a connection of DuckDB and a job of the reader child would take longer than their rows: what waits for a lane is read together, on one session. Gives the lanes in turn. When a batch fails,
 * each of its tables is read alone.
 */
export function lanesOf(source: ReadSource, count: number): () => Lane {
  const id = randomBytes(4).toString('hex')
  const lanes = Array.from({ length: count }, (_, i): Lane => {
    const run = together<ReadJob, ReaderResult>(TOGETHER, async (asked) => {
      const [only, ...others] = asked
      return only && others.length === 0 ? [await runAlone(source, only)] : runTogether(source, asked)
    })
    return { name: `millrace_${id}_lane_${i}`, run }
  })
  let next = 0
  return () => lanes[next++ % lanes.length] as Lane
}
