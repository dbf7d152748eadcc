import { to } from 'pg-copy-streams'

/** What pg-copy-streams 7.0.0 keeps to itself, and we take the place of. */
interface Internals {
  _parse(chunk: Buffer): boolean | undefined
  _detach(): void
  _cleanup(): void
  readonly _buffer: { push(chunk: Buffer): void }
}

/** Codes of messages (PostgreSQL manual, 53.7). */
const [COPY_DATA, COPY_DONE] = [0x64, 0x63]
/** CopyOutResponse, ParameterStatus, NoticeResponse, NotificationResponse: may stand anywhere in a COPY. */
const PASSED_OVER: readonly number[] = [0x48, 0x53, 0x4e, 0x41]
const HEADER = 5

/**
 * The stream of a COPY … TO STDOUT. The server sends each row as a message of its own, and the library makes two objects of each, whose collection costs more than all the rest: here a chunk's rows are moved together in
 * the chunk itself.
 */
export function copyTo(sql: string, options: { readonly highWaterMark: number }): ReturnType<typeof to> {
  const stream = to(sql, options)
  const inside = stream as unknown as Internals
  // A header may be cut by the end of a chunk.
  const header = Buffer.alloc(HEADER)
  let [code, left, known] = [0, 0, 0]

  /** Gives what comes from `at` on back to the driver. */
  const handBack = (rest: Buffer) => {
    inside._buffer.push(rest)
    inside._detach()
  }

  inside._parse = (chunk) => {
    let [at, end] = [0, 0]
    let drained = true
    const flush = () => {
      if (end > 0) drained = stream.push(chunk.subarray(0, end))
    }
    while (at < chunk.length) {
      if (left > 0) {
        const size = Math.min(left, chunk.length - at)
        if (code === COPY_DATA) {
          if (end !== at) chunk.copyWithin(end, at, at + size)
          end += size
        }
        at += size
        left -= size
        continue
      }
      const whole = known === 0 && chunk.length - at >= HEADER
      if (!whole) {
        const size = chunk.copy(header, known, at, at + HEADER - known)
        known += size
        at += size
        if (known < HEADER) break
        known = 0
      }
      const [from, offset] = whole ? [chunk, at] : [header, 0]
      code = from[offset] ?? 0
      left = from.readUInt32BE(offset + 1) - 4
      if (whole) at += HEADER
      if (code === COPY_DONE) {
        flush()
        handBack(chunk.subarray(at))
        stream.push(null)
        inside._cleanup()
        return drained
      }
      if (code === COPY_DATA || PASSED_OVER.includes(code)) continue
      // An error, whose message and consequences are the driver's.
      handBack(Buffer.concat([from.subarray(offset, offset + HEADER), chunk.subarray(at)]))
      return undefined
    }
    flush()
    return drained
  }
  return stream
}
