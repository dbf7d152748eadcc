import { inflateRawSync } from 'node:zlib'

/** A cell of a sheet as a workbook has it. */
export interface SheetCell {
  readonly at: string
  /** undefined: empty. */
  readonly value: string | undefined
  readonly type: string
  readonly format: string
}

/** The one sheet of a workbook, read by what shares no code with the writer. */
export async function sheetOf(
  bytes: Buffer,
): Promise<{ readonly name: string; readonly rows: readonly (readonly SheetCell[])[]; readonly formats: readonly string[] }> {
  const parts = unzip(bytes)
  const part = (name: string) => parts.get(name) ?? ''
  const codes = new Map(
    [...part('xl/styles.xml').matchAll(/<numFmt numFmtId="(\d+)" formatCode="([^"]*)"/g)].map(([, id, code]) => [id, code ?? '']),
  )
  const [, cellFormats = ''] = /<cellXfs[^>]*>(.*)<\/cellXfs>/.exec(part('xl/styles.xml')) ?? []
  const formats = [...cellFormats.matchAll(/<xf numFmtId="(\d+)"/g)].map(([, id]) => codes.get(id) ?? 'General')
  const rows = [...part('xl/worksheets/sheet1.xml').matchAll(/<row r="\d+">(.*?)<\/row>/gs)].map(([, row = '']) =>
    [...row.matchAll(/<c r="([A-Z]+\d+)"(?: s="(\d+)")?(?: t="(\w+)")?(?:\/>|>(.*?)<\/c>)/gs)].map(
      ([, at = '', style = '0', type = 'n', content]) => ({
        ...{ at, type, format: formats[Number(style)] ?? '' },
        value: content === undefined ? undefined : text(content.replace(/<[^>]*>/g, '')),
      }),
    ),
  )
  const [, name = ''] = /<sheet name="([^"]*)"/.exec(part('xl/workbook.xml')) ?? []
  return { name: text(name), rows, formats }
}

function text(xml: string): string {
  const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&' }
  return xml
    .replace(/&(?:#(\d+)|(\w+));/g, (_, code?: string, name = '') => (code ? String.fromCharCode(Number(code)) : (entities[name] ?? '')))
    .replace(/_x([0-9A-F]{4})_/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function unzip(bytes: Buffer): ReadonlyMap<string, string> {
  const parts = new Map<string, string>()
  const end = bytes.length - 22
  let at = bytes.readUInt32LE(end + 16)
  for (let i = 0; i < bytes.readUInt16LE(end + 10); i++) {
    const [method, packed, nameLength, offset] = [
      bytes.readUInt16LE(at + 10),
      bytes.readUInt32LE(at + 20),
      bytes.readUInt16LE(at + 28),
      bytes.readUInt32LE(at + 42),
    ]
    const start = offset + 30 + bytes.readUInt16LE(offset + 26) + bytes.readUInt16LE(offset + 28)
    const content = bytes.subarray(start, start + packed)
    parts.set(bytes.toString('utf8', at + 46, at + 46 + nameLength), (method === 0 ? content : inflateRawSync(content)).toString())
    at += 46 + nameLength
  }
  return parts
}
