import { PassThrough, type Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { checksums } from '../core/checksums.ts'
import { messageOf } from '../core/errors.ts'
import { recordOf } from '../formats/csv-head.ts'
import { countRecords } from './count-records.ts'
import type { DeliveryManifest } from './manifest.ts'
import { headerName } from './rows.ts'

type Contract = DeliveryManifest['contract']
type File = DeliveryManifest['files'][number]

const HEAD_BYTES = 2 ** 20

/**
 * Reads a delivered file once, from its first byte to its last, and says what is not as its manifest has it: size, CRC32C and SHA-256 of the stored bytes; then, unpacked and decoded, that it is text, its header, and how many
 * records it has. Nothing found, nothing said.
 */
export async function faultsOfFile(stream: Readable, file: File, contract: Contract): Promise<readonly string[]> {
  const sums = checksums()
  const look = lookAt(contract)
  const unpack: Transform =
    contract.compression === 'gzip' ? createGunzip() : contract.compression === 'zstd' ? createZstdDecompress() : new PassThrough()
  const faults: string[] = []
  try {
    await pipeline(
      stream,
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          sums.add(chunk)
          yield chunk
        }
      },
      unpack,
      async (chunks: AsyncIterable<Uint8Array>) => {
        for await (const chunk of chunks) look.add(chunk)
      },
    )
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code)))) throw error
    faults.push(`is no ${contract.compression}: ${error.message}`)
  }
  const { bytes, crc32c, sha256 } = sums.result()
  const unpacked = faults.length === 0
  if (bytes !== file.bytes) faults.push(`has ${bytes} bytes, not ${file.bytes}`)
  if (crc32c !== file.crc32c) faults.push(`has crc32c ${crc32c}, not ${file.crc32c}`)
  if (sha256 !== file.sha256) faults.push(`has SHA-256 ${sha256}, not ${file.sha256}`)
  return unpacked ? [...faults, ...look.faults(file.rows)] : faults
}

/** Looks at the text of a file: its header and the number of its records. */
function lookAt(contract: Contract): { add(chunk: Uint8Array): void; faults(rows: number): readonly string[] } {
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
      const records = counter.records() - (header ? 1 : 0)
      if (records !== rows) faults.push(`has ${records} records, not ${rows}`)
      if (byteOrderMark !== head.startsWith('\uFEFF')) faults.push(byteOrderMark ? 'has no byte-order mark' : 'has a byte-order mark')
      if (header) faults.push(...headerFaults(head.replace(/^\uFEFF/, ''), contract))
      return faults
    },
  }
}

function headerFaults(head: string, contract: Contract): readonly string[] {
  const wanted = contract.columns.map(({ name }) => headerName(name, contract))
  const found = recordOf(head, { ...contract, nulls: [contract.null] }, true) ?? []
  return found.length === wanted.length && found.every((name, i) => name === wanted[i])
    ? []
    : [`has the header ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`]
}
