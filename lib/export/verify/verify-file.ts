import { PassThrough, type Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { checksums } from '../../core/checksums.ts'
import type { DeliveryManifest } from '../manifest.ts'
import { packingOf } from '../write/file-forms.ts'
import type { Look } from '../write/look.ts'
import { lookAtArrow } from '../write/look-arrow.ts'
import { lookAtCsv } from '../write/look-csv.ts'
import { lookAtNdjson } from '../write/look-ndjson.ts'
import { lookAtParquet } from '../write/look-parquet.ts'
import { lookAtXlsx } from '../write/look-xlsx.ts'

type Contract = DeliveryManifest['contract']
type File = DeliveryManifest['files'][number]

/**
 * Reads a delivered file once, from its first byte to its last, and says what is not as its manifest has it: size, CRC32C and SHA-256 of the stored bytes; then, unpacked, what its
 * format tells: columns, and how many rows it has. Nothing found, nothing said.
 */
export async function faultsOfFile(stream: Readable, file: File, contract: Contract): Promise<readonly string[]> {
  const sums = checksums()
  const look = lookAt(contract)
  const packing = packingOf(contract)
  const unpack: Transform = packing === 'gzip' ? createGunzip() : packing === 'zstd' ? createZstdDecompress() : new PassThrough()
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
        for await (const chunk of chunks) await look.add(chunk)
      },
    )
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code)))) throw error
    faults.push(`is no ${packing}: ${error.message}`)
  }
  const { bytes, crc32c, sha256 } = sums.result()
  const unpacked = faults.length === 0
  if (bytes !== file.bytes) faults.push(`has ${bytes} bytes, not ${file.bytes}`)
  if (crc32c !== file.crc32c) faults.push(`has crc32c ${crc32c}, not ${file.crc32c}`)
  if (sha256 !== file.sha256) faults.push(`has SHA-256 ${sha256}, not ${file.sha256}`)
  return unpacked ? [...faults, ...(await look.faults(file.rows))] : faults
}

function lookAt(contract: Contract): Look {
  switch (contract.format) {
    case 'csv':
      return lookAtCsv(contract)
    case 'ndjson':
      return lookAtNdjson(contract)
    case 'arrow':
      return lookAtArrow(contract)
    case 'parquet':
      return lookAtParquet(contract)
    case 'xlsx':
      return lookAtXlsx(contract)
  }
}
