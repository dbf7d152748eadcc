import { Duplex, Transform } from 'node:stream'
import { createZstdDecompress, type ZstdOptions } from 'node:zlib'

/**
 * Unpacks zstd of any number of frames, as `zstd -d` does. Node's own (24.21) drops without a word what stands behind a frame's end in the same chunk, as files
 * of pzstd, of appended logs and of `cat a.zst b.zst` have it, so no chunk that it is given goes beyond a frame's end.
 */
export function unzstd(options: Pick<ZstdOptions, 'chunkSize'> = {}): Duplex {
  const [frames, unpack] = [zstdFrames(), createZstdDecompress(options)]
  frames.pipe(unpack)
  return Duplex.from({ writable: frames, readable: unpack })
}

const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50

/** What is read next (RFC 8878, 3.1): the bytes that it takes, and what follows once they are there. `pass` counts bytes that nobody looks at. */
interface Part {
  readonly bytes: number
  readonly after: (head: Buffer) => { readonly pass: number; readonly next: Part | undefined }
}

/** Cuts a stream of bytes at the ends of its frames. What is no zstd goes on as it is: it is the unpacker that says so. */
function zstdFrames(): Transform {
  let part: Part | undefined = MAGIC_NUMBER
  let head = Buffer.alloc(0)
  let pass = 0
  let foreign = false
  return new Transform({
    transform(chunk: Buffer, _, done) {
      let [from, at] = [0, 0]
      while (at < chunk.length && !foreign) {
        if (pass > 0) {
          const passed = Math.min(pass, chunk.length - at)
          at += passed
          pass -= passed
        } else if (part !== undefined) {
          const taken = chunk.subarray(at, at + part.bytes - head.length)
          head = Buffer.concat([head, taken])
          at += taken.length
          if (head.length < part.bytes) break
          const found = part.after(head)
          head = Buffer.alloc(0)
          pass = found.pass
          part = found.next
          foreign = pass === Number.POSITIVE_INFINITY
        }
        if (pass === 0 && part === undefined) {
          this.push(chunk.subarray(from, at))
          from = at
          part = MAGIC_NUMBER
        }
      }
      done(null, from < chunk.length ? chunk.subarray(from) : undefined)
    },
  })
}

const NO_ZSTD = { pass: Number.POSITIVE_INFINITY, next: undefined }

const MAGIC_NUMBER: Part = {
  bytes: 4,
  after: (head) => {
    const magic = head.readUInt32LE()
    if (magic === MAGIC) return { pass: 0, next: DESCRIPTOR }
    return (magic & 0xfffffff0) === SKIPPABLE ? { pass: 0, next: SKIPPABLE_SIZE } : NO_ZSTD
  },
}

const SKIPPABLE_SIZE: Part = { bytes: 4, after: (head) => ({ pass: head.readUInt32LE(), next: undefined }) }

const DESCRIPTOR: Part = {
  bytes: 1,
  after: ([flags = 0]) => {
    const single = (flags & 0x20) !== 0
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0
    const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0
    return { pass: (single ? 0 : 1) + dictionaryBytes + sizeBytes, next: block((flags & 4) !== 0 ? 4 : 0) }
  },
}

function block(checksumBytes: number): Part {
  const part: Part = {
    bytes: 3,
    after: (head) => {
      const word = head.readUIntLE(0, 3)
      const type = (word >> 1) & 3
      if (type === 3) return NO_ZSTD
      const size = type === 1 ? 1 : word >> 3
      return (word & 1) === 1 ? { pass: size + checksumBytes, next: undefined } : { pass: size, next: part }
    },
  }
  return part
}
