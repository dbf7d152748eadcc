import { type Breach, differs } from './breach.ts'
import type { Descriptor, Dialect } from './descriptor.ts'
import type { StatedDialect, StatedResource } from './descriptor-schema.ts'

/** What of a file's form a consumer expects and does not get: format, encoding, compression, dialect, and what stands under `millrace`. */
export function fileBreaches(stated: StatedResource, candidate: Descriptor): readonly Breach[] {
  const { format, mediatype, compression = 'none', dialect, millrace } = candidate
  const packed = packedAs(stated, candidate)
  const text = candidate.encoding !== undefined
  return [
    ...differs('format', stated.format, format, 'export it in that format'),
    ...differs('mediatype', stated.mediatype, mediatype, 'export it in that format'),
    ...(text
      ? differs('compression', packed, compression, `contract: compression: "${{ gz: 'gzip', zst: 'zstd' }[packed] ?? packed}"`)
      : [
          ...differs('compression', stated.compression, compression, 'none: such a file is compressed inside'),
          ...differs('millrace.compression', stated.millrace?.compression, millrace.compression, `export: compression: "${packed}"`),
        ]),
    ...(text ? encodingBreaches(stated, candidate) : differs('encoding', stated.encoding, undefined, 'export it in a format of text')),
    ...(text && dialect ? dialectBreaches(stated.dialect ?? {}, dialect) : binaryDialect(stated.dialect, dialect)),
    ...ownBreaches(stated, candidate),
  ]
}

/** Of a format that is no text: what a consumer says of it must be so. */
function binaryDialect(stated: StatedDialect = {}, actual: Partial<Dialect> = {}): readonly Breach[] {
  const is: Readonly<Record<string, unknown>> = { ...actual }
  return Object.entries(stated).flatMap(([property, value]) =>
    differs(
      `dialect.${property}`,
      value,
      is[property],
      property === 'sheetName' ? `export: sheet: ${JSON.stringify(value)}` : 'export it as CSV',
    ),
  )
}

/** As the property says it; without one the path's ending does. */
function packedAs({ compression, path = '', millrace }: StatedResource, { encoding }: Descriptor): string {
  const said = millrace?.compression
  if (encoding === undefined) return said ?? 'none'
  const own = said && { none: 'none', gzip: 'gz', snappy: 'snappy', zstd: 'zst' }[said]
  return compression ?? own ?? /\.(gz|zst)$/.exec(path)?.[1] ?? 'none'
}

/** Other names that readers have for our encodings. */
const ALIASES: Readonly<Record<string, string>> = {
  utf8: 'utf-8',
  'utf-8-sig': 'utf-8',
  latin1: 'iso-8859-1',
  'latin-1': 'iso-8859-1',
  cp1252: 'windows-1252',
}

function encodingBreaches(
  { encoding: given = 'utf-8', millrace }: StatedResource,
  { encoding, millrace: own }: Descriptor,
): readonly Breach[] {
  const name = given.toLowerCase()
  const wanted = ALIASES[name] ?? name
  const option = { 'iso-8859-1': '"latin-1"', 'utf-16': '"utf-16le", byteOrderMark: true' }[wanted] ?? `"${wanted}"`
  // UTF-16 has a mark by its name; one before UTF-8 is in the way of whoever does not know of it.
  const mark = millrace?.byteOrderMark ?? (name === 'utf-8-sig' ? own.byteOrderMark : false)
  return [
    ...differs('encoding', wanted, encoding, `contract: encoding: ${option}`),
    ...(wanted === 'utf-8' && encoding === 'utf-8'
      ? differs('millrace.byteOrderMark', mark, own.byteOrderMark ?? false, `contract: byteOrderMark: ${mark}`)
      : []),
  ]
}

/** What a dialect is that says nothing; line ends are whatever comes, since all readers take both. */
const DEFAULTS = { header: true, delimiter: ',', quoteChar: '"', doubleQuote: true } as const

/** The contract's option behind a property of a dialect. */
const OPTIONS: Readonly<Record<string, string>> = {
  header: 'header',
  delimiter: 'delimiter',
  lineTerminator: 'lineEnd',
  quoteChar: 'quote',
  doubleQuote: 'escape',
  escapeChar: 'escape',
  nullSequence: 'null',
}

function dialectBreaches(stated: StatedDialect, actual: Dialect): readonly Breach[] {
  const wanted: Readonly<Record<string, unknown>> = { ...DEFAULTS, ...stated }
  const is: Readonly<Record<string, unknown>> = { ...actual }
  return Object.entries(OPTIONS).flatMap(([property, option]) => {
    const value = option === 'escape' ? (wanted.escapeChar ?? wanted.quoteChar) : wanted[property]
    return differs(`dialect.${property}`, wanted[property], is[property], `contract: ${option}: ${JSON.stringify(value)}`)
  })
}

/** Whatever a consumer repeats of what only millrace knows must be so. */
function ownBreaches({ millrace = {} }: StatedResource, candidate: Descriptor): readonly Breach[] {
  const { consumer: _c, pipeline: _p, export: _e, types: _t, byteOrderMark: _b, compression: _z, ...stated } = millrace
  const actual: Readonly<Record<string, unknown>> = { ...candidate.millrace }
  return Object.entries(stated).flatMap(([option, value]) => {
    const mend = option === 'version' ? VERSION : `contract: ${option}: ${JSON.stringify(value)}`
    return differs(`millrace.${option}`, value, actual[option], mend)
  })
}

const VERSION = "deliver that version too, at a path of its own, or take version out of the consumer's file"
