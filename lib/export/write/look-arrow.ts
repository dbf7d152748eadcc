import { Message, MessageHeader, type RecordBatch, type Schema } from 'apache-arrow'
import { messageOf } from '../../core/errors.ts'
import type { WrittenArrow } from '../contract/contract-changes.ts'
import type { Look } from './look.ts'

const MAGIC = 'ARROW1'
/** Metadata of a message: what is larger is none. */
const MOST_BYTES = 2 ** 28

/** Looks at the messages of an Arrow IPC file: names of columns, and how many rows its batches have. Bodies are passed over. */
export function lookAtArrow({ columns }: WrittenArrow): Look {
  let held: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  let [skip, rows, ended, fault] = [0, 0, false, '']
  let names: readonly string[] | undefined
  let begun = false

  /** Takes one part off the front; false where it is not whole yet. */
  function next(): boolean {
    if (!begun) {
      if (held.length < 8) return false
      if (held.toString('latin1', 0, 6) !== MAGIC) throw new RangeError('it does not begin as one')
      ;[begun, held] = [true, held.subarray(8)]
      return true
    }
    if (held.length < 8) return false
    if (held.readUInt32LE(0) !== 0xffffffff) throw new RangeError('a message is damaged')
    const size = held.readUInt32LE(4)
    if (size > MOST_BYTES) throw new RangeError('a message is damaged')
    if (held.length < 8 + size) return false
    if (size === 0) ended = true
    else {
      const message = Message.decode(held.subarray(8, 8 + size))
      if (message.headerType === MessageHeader.Schema) names = (message.header() as unknown as Schema).fields.map(({ name }) => name)
      if (message.headerType === MessageHeader.RecordBatch)
        rows += Number((message.header() as unknown as { readonly length: RecordBatch['numRows'] }).length)
      skip = Number(message.bodyLength)
    }
    held = held.subarray(8 + size)
    return true
  }

  return {
    add: (chunk) => {
      if (ended || fault !== '') return
      const passed = Math.min(skip, chunk.length)
      skip -= passed
      held = Buffer.concat([held, chunk.subarray(passed)])
      try {
        while (!ended && next()) {
          const over = Math.min(skip, held.length)
          skip -= over
          held = held.subarray(over)
        }
      } catch (error) {
        fault = `is no Arrow file: ${messageOf(error)}`
      }
    },
    faults: (wanted) => {
      if (fault !== '') return [fault]
      if (!ended || !names) return ['is no Arrow file: it is not whole']
      const all = columns.map(({ name }) => name)
      return [
        ...(rows === wanted ? [] : [`has ${rows} rows, not ${wanted}`]),
        ...(JSON.stringify(names) === JSON.stringify(all) ? [] : [`has the columns ${JSON.stringify(names)}, not ${JSON.stringify(all)}`]),
      ]
    },
  }
}
