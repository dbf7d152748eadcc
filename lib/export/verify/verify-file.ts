import { type Duplex, PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { checksums } from '../../core/checksums.ts'
import { unzstd } from '../../core/zstd-frames.ts'
import type { DeliveryManifest } from '../manifest.ts'
import { packingOf } from '../write/file-forms.ts'
import type { Look } from '../write/look.ts'
import { lookAtCsv } from '../write/look-csv.ts'
import { lookAtNdjson } from '../write/look-ndjson.ts'
import { lookAtParquet } from '../write/look-parquet.ts'
import { lookAtXlsx } from '../write/look-xlsx.ts'
import { readAgain, type VerifyTools } from './read-again.ts'

type Contract = DeliveryManifest['contract']
type File = DeliveryManifest['files'][number]

/** What was found of a file. */
export interface VerifiedFile {
  /** A sentence each; none: all is as its manifest has it. */
  readonly faults: readonly string[]
  /** Whether its rows were held against the manifest's proof, too. */
  readonly proved: boolean
}

/**
 * Reads a delivered file once, from its first byte to its last, and says what is not as its manifest has it: size, CRC32C and SHA-256 of the stored bytes; then, unpacked, what its format tells, columns and how many rows it has; then,
 * where the manifest has a proof, NULLs, empty texts, values and order of the rows. A file of a format that has types is given to the engines that read its rows only if its bytes are those of the manifest.
 * @param before rows in the files before it
 */
export async function verifyFile(
  stream: Readable,
  file: File,
  contract: Contract,
  before: number,
  tools: VerifyTools,
): Promise<VerifiedFile> {
  const sums = checksums()
  const look = await lookAt(contract)
  const again = await readAgain(file, contract, before, tools)
  const packing = packingOf(contract)
  const unpack: Duplex = packing === 'gzip' ? createGunzip() : packing === 'zstd' ? unzstd() : new PassThrough()
  const faults: string[] = []
  try {
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
          for await (const chunk of chunks) {
            await look.add(chunk)
            await again?.add(chunk)
          }
        },
        { signal: tools.signal },
      )
    } catch (error) {
      tools.signal.throwIfAborted()
      if (!(error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code)))) throw error
      faults.push(`is no ${packing}: ${error.message}`)
    }
    const { bytes, crc32c, sha256 } = sums.result()
    const unpacked = faults.length === 0
    if (bytes !== file.bytes) faults.push(`has ${bytes} bytes, not ${file.bytes}`)
    if (crc32c !== file.crc32c) faults.push(`has crc32c ${crc32c}, not ${file.crc32c}`)
    if (sha256 !== file.sha256) faults.push(`has SHA-256 ${sha256}, not ${file.sha256}`)
    if (!unpacked) return { faults, proved: false }
    const sound = faults.length === 0 || contract.format === 'csv'
    const seen = await look.faults(file.rows)
    faults.push(...seen)
    // What both see is said once.
    if (!again || !sound || seen.length > 0) return { faults, proved: false }
    faults.push(...(await again.faults()))
    return { faults, proved: true }
  } finally {
    await again?.stop()
  }
}

async function lookAt(contract: Contract): Promise<Look> {
  switch (contract.format) {
    case 'csv':
      return lookAtCsv(contract)
    case 'ndjson':
      return lookAtNdjson(contract)
    case 'arrow':
      return (await import('../write/look-arrow.ts')).lookAtArrow(contract)
    case 'parquet':
      return lookAtParquet(contract)
    case 'xlsx':
      return lookAtXlsx(contract)
  }
}
