import { createHash } from 'node:crypto'
import type { Frames } from '../connectors/frames.ts'
import type { ReceiveReceipt, Token, Warehouse } from '../connectors/warehouse.ts'
import type { RunContext } from '../core/context.ts'
import { placed } from '../core/errors.ts'
import type { Load } from './targets.ts'

/** One dataset on its way into one table, undecoded. */
export interface ReceiveTask {
  readonly pipeline: string
  readonly dataset: string
  /** By `replace` or `replacePartition`. */
  readonly target: Load<string>
  /** undefined: a target without partitions. */
  readonly partition: string | undefined
  /** The token as the caller has read it. */
  readonly expected: Token | undefined
  readonly load: string
  /** As in `ReceiveRequest`. */
  readonly lasting: boolean
  /** The input key, or what it is for frames of this SHA-256. */
  readonly inputKey: string | ((content: string) => string)
  /** Commit also what the table holds already. */
  readonly force: boolean
}

export interface Received {
  readonly receipt: ReceiveReceipt
  /** What was committed; undefined: nothing, since the expected token has this input key. */
  readonly token: Token | undefined
}

/**
 * Loads frames into their table, rows and token in one transaction. Emits a stage event at start and end.
 * @throws what source and warehouse throw, placed (stage, pipeline, partition, dataset, table)
 */
export async function receive(task: ReceiveTask, frames: Frames, warehouse: Warehouse, ctx: RunContext): Promise<Received> {
  const { pipeline, dataset, target, partition, expected, load, lasting, force, inputKey } = task
  const { table, disposition } = target
  if (!warehouse.receive || (disposition.mode !== 'replace' && disposition.mode !== 'replacePartition'))
    throw new RangeError(`"${table}" cannot take frames by ${disposition.mode}`)
  const about = { stage: 'load', dataset, target: table } as const
  const begun = performance.now()
  ctx.emit({ type: 'stage', phase: 'start', ...about })
  const place = { pipeline, table, partition: partition ?? '' }
  const hashed = typeof inputKey === 'string' ? { frames, key: () => inputKey } : hashing(frames, inputKey)
  let token: Token | undefined
  const tokenOf = () => {
    const key = hashed.key()
    token = !force && expected?.inputKey === key ? undefined : { ...place, inputKey: key, loads: {} }
    return token
  }
  try {
    const request = { dataset, table, disposition, place, expected, token: tokenOf, load, lasting }
    const receipt = await warehouse.receive(request, hashed.frames, ctx)
    const { rows, bytes, removed, unchanged } = receipt
    ctx.emit({
      type: 'stage',
      phase: 'end',
      ...about,
      ...(!unchanged && { rows, bytes, inputRows: rows, inputBytes: bytes, counts: { dataset: rows, superseded: 0, removed } }),
      inputKey: hashed.key(),
      ms: performance.now() - begun,
      outcome: unchanged ? 'unchanged' : 'done',
    })
    return { receipt, token }
  } catch (error) {
    ctx.emit({ type: 'stage', phase: 'end', ...about, ms: performance.now() - begun, outcome: 'failed' })
    throw placed(error, { stage: 'load', pipeline, dataset, table, ...(partition !== undefined && { partition }) })
  }
}

/** The same frames, and the key for the SHA-256 of those that were sent last. */
function hashing(frames: Frames, keyOf: (content: string) => string): { readonly frames: Frames; key(): string } {
  let content = ''
  return {
    key: () => keyOf(content),
    frames: {
      ...frames,
      send: async (take, signal) => {
        const hash = createHash('sha256')
        const sent = await frames.send((chunk) => {
          hash.update(chunk)
          return take(chunk)
        }, signal)
        content = hash.digest('hex')
        return sent
      },
    },
  }
}
