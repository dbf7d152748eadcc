import { messageOf } from '../../core/errors.ts'
import type { WrittenNdjson } from '../contract/contract-changes.ts'
import { countRecords } from '../verify/count-records.ts'
import type { Look } from './look.ts'

const HEAD_BYTES = 2 ** 24

/** Looks at lines of JSON: that they are UTF-8, how many there are, and the keys of the first. */
export function lookAtNdjson({ columns }: WrittenNdjson): Look {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const counter = countRecords({ quote: '', escape: '' })
  let [head, noText] = ['', '']
  const decode = (chunk?: Uint8Array): void => {
    if (noText !== '') return
    try {
      const text = decoder.decode(chunk, { stream: chunk !== undefined })
      if (head.length < HEAD_BYTES && !head.includes('\n')) head += text
    } catch (error) {
      noText = `is no utf-8: ${messageOf(error)}`
    }
  }
  return {
    add: (chunk) => {
      decode(chunk)
      counter.add(chunk)
    },
    faults: (rows) => {
      decode()
      if (noText !== '') return [noText]
      const lines = counter.records()
      return [
        ...(lines === rows ? [] : [`has ${lines} lines, not ${rows}`]),
        ...(lines === 0
          ? []
          : keyFaults(
              head,
              columns.map(({ name }) => name),
            )),
      ]
    },
  }
}

function keyFaults(head: string, wanted: readonly string[]): readonly string[] {
  try {
    const first: unknown = JSON.parse(head.slice(0, head.indexOf('\n')))
    // Whole numbers come first among the keys of an object of JavaScript.
    const found = typeof first === 'object' && first !== null ? Object.keys(first) : []
    return found.toSorted().join('\n') === wanted.toSorted().join('\n')
      ? []
      : [`has the keys ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`]
  } catch (error) {
    return [`has a first line that is no JSON: ${messageOf(error)}`]
  }
}
