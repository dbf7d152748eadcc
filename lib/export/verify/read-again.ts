import { rm } from 'node:fs/promises'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { messageOf, PermanentError } from '../../core/errors.ts'
import { parseType } from '../../engines/types.ts'
import { contractOf } from '../contract/written-contract.ts'
import type { DeliveryManifest } from '../manifest.ts'
import { readTableBack } from '../prove/read-back.ts'
import { readStored, type StoredReader } from '../prove/read-stored.ts'
import { packingOf } from '../write/file-forms.ts'
import { otherThanProved } from './other-than-proved.ts'
import type { Scratch } from './scratch.ts'

/** What reading files of formats that have types needs. */
export interface VerifyTools {
  readonly scratch: Scratch
  readonly signal: AbortSignal
}

/** Reads the rows of a file, unpacked, as whoever delivered it has read them before anybody saw it. */
export interface ReadingAgain {
  add(chunk: Uint8Array): void | Promise<void>
  /** At the end: in what the rows are not those of the manifest's proof, a sentence each. */
  faults(): Promise<readonly string[]>
  /** When it is done with. */
  stop(): Promise<void>
}

/**
 * Begins to read a file again; undefined: its manifest has no proof. CSV is summed up as it comes; of other formats a copy is kept, which engines read at the end: to them only a file may be given that has the bytes of its manifest.
 * @param before rows in the files before it
 */
export async function readAgain(
  file: DeliveryManifest['files'][number],
  written: DeliveryManifest['contract'],
  before: number,
  { scratch, signal }: VerifyTools,
): Promise<ReadingAgain | undefined> {
  const { proof } = file
  if (!proof) return undefined
  const unsound = unsoundType(written)
  if (unsound !== undefined) return { add: () => undefined, faults: async () => [unsound], stop: async () => undefined }
  const contract = contractOf('compression' in written && packingOf(written) !== 'none' ? { ...written, compression: 'none' } : written)
  const folder = contract.format === 'csv' ? undefined : await scratch.folder()
  const reader: StoredReader =
    contract.format === 'csv'
      ? readStored(contract, before)
      : readTableBack(contract, { db: await scratch.engine(), folder: folder ?? '', signal }, before)
  let fault: string | undefined
  return {
    add: async (chunk) => {
      try {
        if (fault === undefined) await reader.add(chunk)
      } catch (error) {
        fault = faultOf(error, folder)
      }
    },
    faults: async () => {
      if (fault !== undefined) return [fault]
      try {
        return otherThanProved(await reader.end(), contract, file.rows, proof)
      } catch (error) {
        return [faultOf(error, folder)]
      }
    },
    stop: async () => {
      reader.stop()
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What a reader says of bytes on their way, of bytes that have come. @throws the error itself, where it is none of a reader's */
function faultOf(error: unknown, folder: string | undefined): string {
  if (!(error instanceof PermanentError)) throw refusedByDisk(error, folder ?? '')
  const { column } = error.place
  return `${error.message.replace(/^what was written /, '')}${column === undefined || column === '' ? '' : `, column "${column}"`}`
}

/** Only a manifest that was changed by hand has one. */
function unsoundType({ columns }: DeliveryManifest['contract']): string | undefined {
  try {
    for (const { type } of columns) parseType(type)
    return undefined
  } catch (error) {
    return `cannot be read by its contract: ${messageOf(error)}`
  }
}
