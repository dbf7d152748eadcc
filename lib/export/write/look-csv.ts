import { messageOf } from '../../core/errors.ts'
import { recordOf } from '../../formats/csv-head.ts'
import type { WrittenCsv } from '../contract/contract-changes.ts'
import { countRecords } from '../verify/count-records.ts'
import type { Look } from './look.ts'
import { headerName } from './rows.ts'

const HEAD_BYTES = 2 ** 20

/** Looks at CSV: that it is text in its encoding, its header and the number of its records. */
export function lookAtCsv(contract: WrittenCsv): Look {
  const { encoding, byteOrderMark, header } = contract
  const wide = encoding === 'utf-16le'
  const decoder = new TextDecoder(encoding === 'latin-1' ? 'windows-1252' : encoding, { fatal: true, ignoreBOM: true })
  const counter = countRecords(contract)
  let [head, noText] = ['', '']
  const decode = (chunk?: Uint8Array): string => {
    if (noText !== '') return ''
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined })
    } catch (error) {
      noText = `is no ${encoding}: ${messageOf(error)}`
      return ''
    }
  }
  return {
    add: (chunk) => {
      // Also where the text is not needed any more: what is no text in this encoding is told of.
      const text = decode(chunk)
      if (head.length < HEAD_BYTES) head += text
      counter.add(wide ? Buffer.from(text) : chunk)
    },
    faults: (rows) => {
      decode()
      if (noText !== '') return [noText]
      const faults: string[] = []
      if (counter.open()) faults.push('ends inside quotes')
      // A mark alone is no record.
      const records = head === '\uFEFF' ? 0 : counter.records() - (header ? 1 : 0)
      if (records !== rows) faults.push(`has ${records} records, not ${rows}`)
      if (byteOrderMark !== head.startsWith('\uFEFF')) faults.push(byteOrderMark ? 'has no byte-order mark' : 'has a byte-order mark')
      if (header) faults.push(...headerFaults(head.replace(/^\uFEFF/, ''), contract))
      return faults
    },
  }
}

function headerFaults(head: string, contract: WrittenCsv): readonly string[] {
  const wanted = contract.columns.map(({ name }) => headerName(name, contract))
  const found = recordOf(head, { ...contract, nulls: [contract.null] }, true) ?? []
  return found.length === wanted.length && found.every((name, i) => name === wanted[i])
    ? []
    : [`has the header ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`]
}
