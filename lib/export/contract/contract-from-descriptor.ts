import { isDeepStrictEqual } from 'node:util'
import { ConfigError } from '../../core/errors.ts'
import { ENCODINGS } from '../../formats/encodings.ts'
import { FORMS } from '../write/file-forms.ts'
import type { WrittenContract, WrittenCsv, WrittenParquet } from './contract-changes.ts'
import { descriptorOfWritten, encodingName } from './descriptor.ts'
import type { StatedResource } from './descriptor-schema.ts'
import type { ExportFormat } from './export.ts'

/**
 * The contract that a whole descriptor describes, as `descriptorOf` gave it; what is left out has Frictionless' default. `file` is for errors.
 * @throws ConfigError where the exact types, the order or the version are missing, and where the descriptor contradicts itself
 */
export function contractFromDescriptor(stated: StatedResource, file: string): WrittenContract {
  const { millrace, schema } = stated
  const { version, types, orderBy } = millrace ?? {}
  if (!millrace || version === undefined || !types || !orderBy)
    throw new ConfigError(`${file} is no whole contract: it lacks millrace.version, millrace.types or millrace.orderBy`, {
      file,
      hint: 'a whole one is what millrace contract show --json prints; what a reader needs of one is held by millrace contract verify',
    })
  const names = Object.keys(types)
  const common = {
    version,
    columns: schema.fields.map(({ constraints }, at) => {
      const name = names[at] ?? ''
      return { name, type: types[name] ?? '', notNull: constraints?.required ?? false }
    }),
    orderBy,
    round: millrace.round ?? {},
  }
  const format = formatOf(stated, file)
  const contract = { ...optionsOf(stated, format, file), ...common }
  if (names.length !== schema.fields.length)
    throw new ConfigError(`${file} has ${schema.fields.length} fields, and millrace.types ${names.length}`, { file })
  refuseContradictions(stated, contract, file)
  return contract
}

/** What a descriptor says of a file of its format. */
function optionsOf(stated: StatedResource, format: ExportFormat, file: string): Options<WrittenContract> {
  const { bigNumbers = null, zone = 'UTC', split = null } = stated.millrace ?? {}
  switch (format) {
    case 'csv':
      return csvOf(stated, file)
    case 'ndjson':
      return { format, bigNumbers, zone, split, compression: packedOf(stated), zeroRows: zeroRowsOf(stated) }
    case 'xlsx':
      return { format, bigNumbers, zone, sheet: stated.dialect?.sheetName ?? 'Sheet1', zeroRows: zeroRowsOf(stated) }
    case 'arrow':
      return { format, split, zeroRows: zeroRowsOf(stated) }
    case 'parquet':
      return { format, split, ...tableOptions(stated) }
  }
}

type Options<C> = C extends WrittenContract ? Omit<C, 'version' | 'columns' | 'orderBy' | 'round'> : never

function packedOf({ millrace: { compression = 'none' } = {} }: StatedResource): 'none' | 'gzip' | 'zstd' {
  return compression === 'snappy' ? 'none' : compression
}

function zeroRowsOf({ millrace: { zeroRows = 'emptyFile' } = {} }: StatedResource): WrittenParquet['zeroRows'] {
  return zeroRows === 'headerOnly' ? 'emptyFile' : zeroRows
}

/** What a descriptor of CSV says of the file. */
function csvOf(stated: StatedResource, file: string): Options<WrittenCsv> {
  const { millrace = {}, dialect, schema } = stated
  return {
    format: 'csv',
    delimiter: dialect?.delimiter ?? ',',
    quote: dialect?.quoteChar ?? '"',
    escape: dialect?.escapeChar ?? dialect?.quoteChar ?? '"',
    quoting: millrace.quoting ?? 'minimal',
    formulas: millrace.formulas ?? 'raw',
    null: schema.missingValues?.[0] ?? '',
    header: dialect?.header ?? true,
    lineEnd: dialect?.lineTerminator === '\n' ? '\n' : '\r\n',
    compression: packedOf(stated),
    encoding: encodingOf(stated, file),
    byteOrderMark: millrace.byteOrderMark ?? false,
    unfit: millrace.unfit ?? null,
    booleans: millrace.booleans ?? ['true', 'false'],
    decimalPoint: millrace.decimalPoint ?? '.',
    dateFormat: millrace.dateFormat ?? null,
    timestampFormat: millrace.timestampFormat ?? null,
    zone: millrace.zone ?? 'UTC',
    split: millrace.split ?? null,
    zeroRows: millrace.zeroRows === 'emptyFile' ? 'headerOnly' : (millrace.zeroRows ?? 'headerOnly'),
  }
}

/** What a descriptor of Parquet says of the file. */
function tableOptions(stated: StatedResource): Pick<WrittenParquet, 'compression' | 'zeroRows'> {
  const { compression = 'zstd' } = stated.millrace ?? {}
  return { compression: compression === 'gzip' ? 'zstd' : compression, zeroRows: zeroRowsOf(stated) }
}

function formatOf({ format: given = 'csv' }: StatedResource, file: string): ExportFormat {
  const [found] = Object.entries(FORMS).find(([, { frictionless }]) => frictionless === given) ?? []
  if (found === undefined) throw new ConfigError(`${file}: format "${given}" is none that millrace writes`, { file })
  return found as ExportFormat
}

function encodingOf({ encoding = 'utf-8' }: StatedResource, file: string): WrittenCsv['encoding'] {
  const found = ENCODINGS.find((each) =>
    [true, false].some((byteOrderMark) => encodingName({ encoding: each, byteOrderMark }) === encoding.toLowerCase()),
  )
  if (found !== undefined) return found
  throw new ConfigError(`${file}: encoding "${encoding}" is none that millrace writes`, { file })
}

/** Some things a descriptor says twice: to every reader, and exactly. What was changed in one place only is told, not guessed. */
function refuseContradictions(stated: StatedResource, contract: WrittenContract, file: string): void {
  const wanted = descriptorOfWritten(stated.path ?? '', contract)
  const parts = [
    ...stated.schema.fields.map(
      (field, i) => [`schema.fields[${i}]`, { ...PLAIN, ...field }, { ...PLAIN, ...wanted.schema.fields[i] }] as const,
    ),
    ['schema', { ...stated.schema, fields: undefined }, wanted.schema] as const,
    ['dialect', stated.dialect ?? {}, wanted.dialect ?? {}] as const,
    ['', { encoding: stated.encoding?.toLowerCase(), compression: stated.compression }, wanted] as const,
  ]
  for (const [place, given, rebuilt] of parts) {
    const should: Readonly<Record<string, unknown>> = { ...rebuilt }
    for (const [key, value] of Object.entries(given)) {
      if (value === undefined || IN_PASSING.includes(key) || isDeepStrictEqual(value, should[key])) continue
      if (key === 'constraints' && isDeepStrictEqual(value, { required: false })) continue
      const at = [place, key].filter(Boolean).join('.')
      throw new ConfigError(
        `${file} contradicts itself: ${at} is ${JSON.stringify(value)}, and the rest of it makes that ${JSON.stringify(should[key]) ?? 'nothing'}`,
        { file, hint: 'change both places, or neither' },
      )
    }
  }
}

/** What a field has where it does not say. */
const PLAIN = { format: 'default', decimalChar: '.' }

/** What describes a resource to people, or to tools. */
const IN_PASSING: readonly string[] = [
  '$schema',
  'title',
  'description',
  'example',
  'rdfType',
  'fieldsMatch',
  'csvddfVersion',
  'caseSensitiveHeader',
]
