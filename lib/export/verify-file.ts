import { createHash } from 'node:crypto'
import { PassThrough, type Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { crc32c } from '@node-rs/crc32'
import { recordOf } from '../formats/csv-head.ts'
import { escapedFormula } from '../formats/formulas.ts'
import { countRecords } from './count-records.ts'
import type { DeliveryManifest } from './manifest.ts'

type Contract = DeliveryManifest['contract']
type File = DeliveryManifest['files'][number]

const HEAD_BYTES = 2 ** 20

/**
 * Reads a delivered file once, from its first byte to its last, and says what is not as its manifest has it: size, CRC32C and SHA-256 of the stored bytes; then, unpacked and decoded, that it is text, its header, and how many
 * records it has. Nothing found, nothing said.
 */
export async function faultsOfFile(stream: Readable, file: File, contract: Contract): Promise<readonly string[]> {
  const sha256 = createHash('sha256')
  let [bytes, crc] = [0, 0]
  const text = new PassThrough()
  const look = lookAt(contract)
  const unpack: Transform =
    contract.compression === 'gzip' ? createGunzip() : contract.compression === 'zstd' ? createZstdDecompress() : new PassThrough()
  const stored = pipeline(
    stream,
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        bytes += chunk.length
        crc = crc32c(chunk, crc)
        sha256.update(chunk)
        yield chunk
      }
    },
    unpack,
    text,
  )
  const faults: string[] = []
  const read = (async () => {
    for await (const chunk of text) look.add(chunk as Uint8Array)
  })()
  const [all, seen] = await Promise.allSettled([stored, read])
  const broken = [all, seen].find((each) => each.status === 'rejected')
  if (broken) {
    const reason: unknown = broken.reason
    if (!(reason instanceof Error && 'code' in reason && /^Z(STD)?_|^ERR_ENCODING/.test(String(reason.code)))) throw reason
    faults.push(`is no ${/^Z/.test(String(reason.code)) ? contract.compression : contract.encoding}: ${reason.message}`)
  }
  const digest = sha256.digest('hex')
  const crcText = crc.toString(16).padStart(8, '0')
  if (bytes !== file.bytes) faults.push(`has ${bytes} bytes, not ${file.bytes}`)
  if (crcText !== file.crc32c) faults.push(`has crc32c ${crcText}, not ${file.crc32c}`)
  if (digest !== file.sha256) faults.push(`has SHA-256 ${digest}, not ${file.sha256}`)
  return broken ? faults : [...faults, ...look.faults(file.rows)]
}

/** Looks at the text of a file: its header and the number of its records. */
function lookAt(contract: Contract): { add(chunk: Uint8Array): void; faults(rows: number): readonly string[] } {
  const { encoding, byteOrderMark, header } = contract
  const wide = encoding === 'utf-16le'
  const decoder = new TextDecoder(encoding === 'latin-1' ? 'windows-1252' : encoding, { fatal: true, ignoreBOM: true })
  const counter = countRecords(contract)
  let head = ''
  return {
    add: (chunk) => {
      // Also where the text is not needed any more: what is no text in this encoding is told of.
      const text = decoder.decode(chunk, { stream: true })
      if (head.length < HEAD_BYTES) head += text
      counter.add(wide ? Buffer.from(text) : chunk)
    },
    faults: (rows) => {
      decoder.decode()
      const faults: string[] = []
      if (counter.open()) faults.push('ends inside quotes')
      const records = counter.records() - (header ? 1 : 0)
      if (records !== rows) faults.push(`has ${records} records, not ${rows}`)
      if (byteOrderMark !== head.startsWith('\uFEFF')) faults.push(byteOrderMark ? 'has no byte-order mark' : 'has a byte-order mark')
      if (header) faults.push(...headerFaults(head.replace(/^\uFEFF/, ''), contract))
      return faults
    },
  }
}

function headerFaults(head: string, contract: Contract): readonly string[] {
  const wanted = contract.columns.map(({ name }) => (contract.formulas === 'escape' ? escapedFormula(name, contract) : name))
  const found = recordOf(head, { ...contract, nulls: [contract.null] }, true) ?? []
  return found.length === wanted.length && found.every((name, i) => name === wanted[i])
    ? []
    : [`has the header ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`]
}
