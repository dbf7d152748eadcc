import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { unzstd } from '../../core/zstd-frames.ts'
import type { FileFormat, HttpRequest } from '../requests.ts'

const BOM = Buffer.from([0xef, 0xbb, 0xbf])

/** A body that cannot be turned into text: packed or encoded in another way than the request says. */
export class BrokenText extends Error {}

/**
 * The text of a body as UTF-8 without a byte-order mark. Only a CSV request can say that its body is a packed file, or in another encoding.
 * @throws BrokenText
 */
export function bodyText(bytes: AsyncIterable<Uint8Array>, { format, csv }: HttpRequest): AsyncIterable<Uint8Array> {
  if (format !== 'csv' || csv === undefined) return withoutMark(bytes)
  return withoutMark(asUtf8(unpacked(bytes, csv.compression), csv.encoding))
}

async function* unpacked(bytes: AsyncIterable<Uint8Array>, compression: FileFormat['compression']): AsyncGenerator<Uint8Array> {
  if (compression !== 'gzip' && compression !== 'zstd') return yield* bytes
  const unpack = compression === 'gzip' ? createGunzip() : unzstd()
  const source = Readable.from(bytes)
  source.on('error', (error) => unpack.destroy(error))
  try {
    yield* source.pipe(unpack)
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code)))
      throw new BrokenText(error.code === 'Z_BUF_ERROR' ? `its ${compression} stream has no end` : `it is not ${compression}`)
    throw error
  } finally {
    source.destroy()
  }
}

async function* asUtf8(bytes: AsyncIterable<Uint8Array>, encoding: FileFormat['encoding'] = 'utf-8'): AsyncGenerator<Uint8Array> {
  if (encoding === 'utf-8') return yield* bytes
  if (encoding === 'latin-1') {
    for await (const chunk of bytes) yield Buffer.from(Buffer.from(chunk).toString('latin1'))
    return
  }
  let decoder: InstanceType<typeof TextDecoder> | undefined
  const decode = (chunk?: Uint8Array) => {
    try {
      decoder ??= new TextDecoder(chunk?.[0] === 0xfe && chunk[1] === 0xff ? 'utf-16be' : 'utf-16le', { fatal: true })
      return Buffer.from(chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode())
    } catch {
      throw new BrokenText('it is not utf-16 text')
    }
  }
  for await (const chunk of bytes) yield decode(chunk)
  yield decode()
}

async function* withoutMark(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of bytes) {
    if (held === undefined) {
      yield chunk
      continue
    }
    held = Buffer.concat([held, chunk])
    if (held.length < BOM.length) continue
    yield held.subarray(0, BOM.length).equals(BOM) ? held.subarray(BOM.length) : held
    held = undefined
  }
  if (held?.length) yield held
}
