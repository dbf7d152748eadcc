import { once } from 'node:events'
import { createInflateRaw } from 'node:zlib'
import { messageOf } from '../../core/errors.ts'
import { SHEET } from '../../formats/xlsx-parts.ts'
import type { WrittenExcel } from '../contract/contract-changes.ts'
import type { Look } from './look.ts'

const ROW = '<row r="'
const LOCAL = 0x04034b50

/** Looks at the sheet of a workbook: its header and the number of its rows. Of what we write, where the sheet is the archive's last file. */
export function lookAtXlsx({ columns }: WrittenExcel): Look {
  const inflate = createInflateRaw()
  const seen = rowsOf(inflate)
  let held: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  let [skip, inSheet, fault] = [0, false, '']

  /** Takes one file's head off the front; false where it is not whole yet. */
  function next(): boolean {
    const passed = Math.min(skip, held.length)
    ;[skip, held] = [skip - passed, held.subarray(passed)]
    if (skip > 0 || inSheet || held.length < 30) return false
    if (held.readUInt32LE(0) !== LOCAL) throw new RangeError('it is no ZIP archive, or has no sheet')
    const [nameLength, extra] = [held.readUInt16LE(26), held.readUInt16LE(28)]
    if (held.length < 30 + nameLength + extra) return false
    if (held.toString('utf8', 30, 30 + nameLength) === SHEET) inSheet = true
    else skip = held.readUInt32LE(18)
    held = held.subarray(30 + nameLength + extra)
    return true
  }

  return {
    add: async (chunk) => {
      if (fault !== '') return
      try {
        held = inSheet ? Buffer.from(chunk) : Buffer.concat([held, chunk])
        while (!inSheet && next());
        // What stands behind the sheet is not of it: the inflater knows where that ends.
        if (inSheet && !inflate.write(held) && !inflate.destroyed) await Promise.race([once(inflate, 'drain'), seen])
      } catch (error) {
        fault = `is no workbook: ${messageOf(error)}`
      }
    },
    faults: async (wanted) => {
      inflate.end()
      const found = await seen.catch((error: unknown) => messageOf(error))
      if (fault === '' && typeof found === 'string') fault = `is no workbook: ${found}`
      if (fault !== '' || typeof found === 'string') return [fault]
      const names = columns.map(({ name }) => name)
      return [
        ...(found.rows === wanted ? [] : [`has ${found.rows} rows, not ${wanted}`]),
        ...(JSON.stringify(found.header) === JSON.stringify(names)
          ? []
          : [`has the header ${JSON.stringify(found.header)}, not ${JSON.stringify(names)}`]),
      ]
    },
  }
}

/** Rows below the header, and the texts of the header. */
async function rowsOf(sheet: AsyncIterable<Buffer>): Promise<{ readonly rows: number; readonly header: readonly string[] }> {
  let [rows, head, rest, whole] = [0, '', '', false]
  for await (const chunk of sheet) {
    // By bytes: nothing but a row has these in it.
    const text = rest + chunk.toString('latin1')
    for (let at = text.indexOf(ROW); at >= 0; at = text.indexOf(ROW, at + 1)) rows++
    rest = text.slice(-(ROW.length - 1))
    if (!head.includes('</row>')) head += chunk.toString('latin1')
    whole ||= text.includes('</sheetData>')
  }
  if (!whole) throw new RangeError('its sheet is not whole')
  const [row = ''] = Buffer.from(head, 'latin1').toString('utf8').split('</row>')
  const header = [...row.matchAll(/<t xml:space="preserve">([^<]*)<\/t>/g)].map(([, text = '']) =>
    text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code))).replaceAll('_x005F_', '_'),
  )
  return { rows: rows - 1, header }
}
