import { ConfigError } from '../../core/errors.ts'

const OWN = 'millrace_'
/** `<CRC32C> <bytes>`: Azure keeps none. It holds for a blob of that size: what appends through another interface keeps metadata. */
const CRC = `${OWN}crc32c`
/** What cannot be metadata of Azure's as it is, as JSON. */
const REST = `${OWN}metadata`
const MAX_BYTES = 8192

/** Names must be identifiers of C#, whose case is not kept for certain. */
const NAME = /^[a-z_][a-z0-9_]*$/
const KEYWORDS: ReadonlySet<string> = new Set(
  `abstract as base bool break byte case catch char checked class const continue decimal default delegate do double else enum event explicit extern false finally fixed float for foreach goto if implicit in int
  interface internal is lock long namespace new null object operator out override params private protected public readonly ref return sbyte sealed short sizeof stackalloc static string struct switch this throw true
  try typeof uint ulong unchecked unsafe ushort using virtual void volatile while`.split(/\s+/),
)
const VALUE = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/

/** What a blob's metadata say of its content. */
export interface Content {
  readonly bytes: number
  readonly crc32c: string
}

/** The metadata of a blob: those that Azure can have as they are, by their names; the others, and the checksum, in two of millrace's own. @throws ConfigError for more than Azure keeps */
export function blobMetadata(metadata: Readonly<Record<string, string>>, { bytes, crc32c }: Content, file: string): Record<string, string> {
  const entries = Object.entries(metadata)
  const plain = entries.filter(([name, value]) => isPlain(name, value))
  const rest = entries.filter(([name, value]) => !isPlain(name, value))
  const all: Record<string, string> = { ...Object.fromEntries(plain), [CRC]: `${crc32c} ${bytes}` }
  if (rest.length > 0) all[REST] = encodeURIComponent(JSON.stringify(rest))
  const size = Object.entries(all).reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  if (size > MAX_BYTES)
    throw new ConfigError(`the metadata of ${file} are ${size} bytes; Azure keeps at most ${MAX_BYTES}`, {
      file,
      hint: 'give fewer or shorter ones',
    })
  return all
}

/** The same read back. The checksum is undefined for a blob that millrace did not write. */
export function readMetadata(
  raw: Readonly<Record<string, string>>,
  bytes: number,
): { readonly metadata: Readonly<Record<string, string>>; readonly crc32c: string | undefined } {
  const { [CRC]: crc = '', [REST]: rest, ...plain } = raw
  const [, crc32c, ofBytes] = /^([0-9a-f]{8}) (\d+)$/.exec(crc) ?? []
  return { metadata: { ...plain, ...pairsOf(rest) }, crc32c: Number(ofBytes) === bytes ? crc32c : undefined }
}

const isPlain = (name: string, value: string): boolean =>
  NAME.test(name) && !KEYWORDS.has(name) && !name.startsWith(OWN) && VALUE.test(value)

function pairsOf(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {}
  try {
    return Object.fromEntries(JSON.parse(decodeURIComponent(text)) as [string, string][])
  } catch {
    return {}
  }
}
