import { type CsvSums, csvReader } from '../../formats/csv-sums.ts'
import { decoded } from '../../formats/decoded.ts'
import type { Contract } from '../contract/contract.ts'
import { provedDialect } from './proved-values.ts'
import { unpacker } from './unpack.ts'

/** Reads the bytes of one file back while they go to the store. */
export interface StoredReader {
  /** The next bytes, as they are stored: where they are compressed, whole members. Whoever sends them waits for it. Rejects, or throws, once they cannot be what the contract says. */
  add(chunk: Uint8Array): void | Promise<void>
  /** Throws what `add` has thrown: whoever sends to a store that fails for that reason has it from here. */
  requireReadable(): void
  /** After the last byte. */
  end(): Promise<CsvSums>
  /** When it is done with, ended or not. */
  stop(): void
}

/** A reader of one file under a contract. `before`: rows in the files before it, where a delivery has several. */
export function readStored(contract: Contract, before = 0): StoredReader {
  const text = decoded(contract.encoding, contract.byteOrderMark)
  const reader = csvReader(provedDialect(contract), before)
  let failure: { readonly cause: unknown } | undefined
  const failed = (cause: unknown): never => {
    failure ??= { cause }
    throw failure.cause
  }
  const take = (chunk: Uint8Array): void => {
    try {
      reader.add(text.add(chunk))
    } catch (error) {
      failed(error)
    }
  }
  const packed = contract.compression === 'none' ? undefined : unpacker(contract.compression, take)
  return {
    add: packed ? (chunk) => packed.add(chunk).catch(failed) : take,
    requireReadable: () => {
      if (failure) throw failure.cause
    },
    end: async () => {
      await packed?.end()
      reader.add(text.end())
      return reader.end()
    },
    stop: () => undefined,
  }
}
