import { promisify } from 'node:util'
import { gunzip, type InputType, type ZlibOptions, zstdDecompress } from 'node:zlib'
import { messageOf, PermanentError } from '../../core/errors.ts'
import type { Compression } from '../write/members.ts'

/** Unpacks a compressed file while it goes to the store. */
export interface Unpacker {
  /** The next whole members (gzip) or the next frame (zstd). Resolves once there is room for more. @throws PermanentError where earlier ones, or these, are not what they are to be; what `take` throws */
  add(packed: Uint8Array): Promise<void>
  /** After the last one. */
  end(): Promise<void>
}

/** How many are unpacked at once. */
const AT_ONCE = 3
/** What a member of ours comes to at most, and a little more: one that fills its room asks for another. */
const MOST_BYTES = 2 ** 22 + 64
const LEAST_BYTES = 2 ** 16

/** Each call of `add` is unpacked on its own, on libuv's pool, several at once; `take` gets the bytes in order. What stands behind the end of a member and is none is an error: readers of the file would stop there. */
export function unpacker(compression: Compression, take: (chunk: Uint8Array) => void): Unpacker {
  const working: Promise<Uint8Array>[] = []
  const next = async () => {
    const first = working.shift()
    if (first) take(await first)
  }
  return {
    add: async (packed) => {
      const member = unpacked(compression, packed)
      // One that fails is awaited in its turn, or never when something else has failed.
      member.catch(() => {})
      working.push(member)
      if (working.length >= AT_ONCE) await next()
    },
    end: async () => {
      while (working.length > 0) await next()
    },
  }
}

/** What is unpacked, and how many bytes it took. */
interface Unpacked {
  readonly buffer: Uint8Array
  readonly engine: { readonly bytesWritten: number }
}

type Unpack = (packed: InputType, options: Pick<ZlibOptions, 'info' | 'chunkSize'>) => Promise<unknown>

const UNPACK: Readonly<Record<Compression, Unpack>> = { gzip: promisify(gunzip), zstd: promisify(zstdDecompress) }

async function unpacked(compression: Compression, packed: Uint8Array): Promise<Uint8Array> {
  const chunkSize = Math.min(MOST_BYTES, Math.max(LEAST_BYTES, 8 * packed.length))
  try {
    const { buffer, engine } = (await UNPACK[compression](packed, { info: true, chunkSize })) as Unpacked
    if (engine.bytesWritten !== packed.length) throw new RangeError(`${packed.length - engine.bytesWritten} bytes stand behind its end`)
    return buffer
  } catch (error) {
    throw new PermanentError(`what was written is no ${compression}: ${messageOf(error)}`, {
      cause: error,
      hint: 'nothing is published; run again',
    })
  }
}
