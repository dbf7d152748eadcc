import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { MillraceError, messageOf, PermanentError } from '../../core/errors.ts'
import { type CsvSums, csvReader } from '../../formats/csv-sums.ts'
import { decoded } from '../../formats/decoded.ts'
import type { Contract } from '../contract/contract.ts'
import type { Compression } from '../write/members.ts'
import { provedDialect } from './proved-values.ts'

/** Reads the bytes of one file back while they go to the store. */
export interface StoredReader {
  /** The next bytes, as they are stored. Whoever sends them waits for it. Rejects, or throws, once they cannot be what the contract says. */
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
  const unpacker = contract.compression === 'none' ? undefined : unpack(contract.compression, take)
  return {
    add: unpacker ? (chunk) => unpacker.add(chunk).catch(failed) : take,
    requireReadable: () => {
      if (failure) throw failure.cause
    },
    end: async () => {
      await unpacker?.end()
      reader.add(text.end())
      return reader.end()
    },
    stop: () => unpacker?.stop(),
  }
}

const UNPACKED_BYTES = 2 ** 18

function unpack(compression: Compression, take: (chunk: Uint8Array) => void) {
  const options = { chunkSize: UNPACKED_BYTES }
  const packed = new PassThrough({ highWaterMark: UNPACKED_BYTES })
  const done = pipeline(
    packed,
    compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options),
    async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) take(chunk)
    },
  ).catch((error: unknown) => {
    if (error instanceof MillraceError) throw error
    throw new PermanentError(`what was written is no ${compression}: ${messageOf(error)}`, {
      cause: error,
      hint: 'nothing is published; run again',
    })
  })
  // Told by `add` and `end`; one that fails in between must not end the process.
  done.catch(() => {})
  return {
    add: async (chunk: Uint8Array): Promise<void> => {
      if (packed.destroyed) return done
      if (!packed.write(chunk)) await Promise.race([once(packed, 'drain').catch(() => done), done])
    },
    end: async (): Promise<void> => {
      packed.end()
      await done
    },
    stop: () => void packed.destroy(),
  }
}
