import type { Duplex } from 'node:stream'
import type { Client } from 'pg'
import { lentMemory } from '../../engines/fifo-memory.ts'
import { borrowReads } from './lending-socket.ts'

/** A COPY … TO STDOUT under way. */
export interface CopyRows {
  /**
   * The rows' bytes, in chunks of about 200 KB that have nothing to do with rows. A chunk's memory is used again once the next one is asked for. Ends when the server has sent all.
   * @throws the server's or the driver's error; the reason of `stop`
   */
  chunks(): AsyncGenerator<Uint8Array>
  /** As the server counts them; it says so after the last chunk, when the next statement has been answered. */
  rowCount(): number
  /** What has ended it, or was said after the last chunk. */
  fault(): unknown
  /** Wants no more of it: what still comes is dropped, and nothing else can be asked on this connection. */
  stop(reason: unknown): void
}

/** What the driver has of a connection, and does not declare. */
interface Connection {
  readonly stream: Duplex
  query(sql: string): void
}

/** Codes of messages (PostgreSQL manual, 54.7). */
const [COPY_DATA, COPY_DONE] = [0x64, 0x63]
/** CopyOutResponse, ParameterStatus, NoticeResponse, NotificationResponse: may stand anywhere in a COPY. */
const PASSED_OVER: readonly number[] = [0x48, 0x53, 0x4e, 0x41]
const HEADER = 5
/** As much as the memory has room for at any time. */
const PART_BYTES = 64 * 1024

/**
 * Begins a COPY … TO STDOUT. The server sends each row as a message of its own: the rows of a read are moved together into memory that is used again. A library that makes an object of each, or only new memory for
 * each read, takes more time for their collection than for all else. `seen` is told of each read.
 */
export function copyTo(client: Pick<Client, 'query'>, sql: string, seen: () => void): CopyRows {
  const memory = lentMemory()
  const filled: Uint8Array[] = []
  // A header may be cut by the end of a read.
  const header = Buffer.alloc(HEADER)
  let [code, left, known, rows] = [0, 0, 0, 0]
  let [ended, stopped, fault]: [boolean, boolean, { readonly error: unknown } | undefined] = [false, false, undefined]
  let stream: Duplex | undefined
  let handBack: (rest: Buffer) => void = () => undefined
  let wake: () => void = () => undefined

  const fail = (error: unknown) => {
    fault ??= { error }
    wake()
  }
  const keep = (bytes: number) => {
    const chunk = bytes > 0 ? memory.filled(bytes) : undefined
    if (chunk) filled.push(chunk)
  }

  /** Moves the rows of a part together. Gives where the COPY ended in it, if it did. */
  function taken(part: Buffer): number | undefined {
    const room = memory.room()
    let [at, end] = [0, 0]
    while (at < part.length) {
      if (left > 0) {
        const size = Math.min(left, part.length - at)
        if (code === COPY_DATA) end += part.copy(room, end, at, at + size)
        at += size
        left -= size
        continue
      }
      const whole = known === 0 && part.length - at >= HEADER
      if (!whole) {
        const size = part.copy(header, known, at, at + HEADER - known)
        known += size
        at += size
        if (known < HEADER) break
        known = 0
      }
      const [from, offset] = whole ? [part, at] : [header, 0]
      code = from[offset] ?? 0
      left = from.readUInt32BE(offset + 1) - 4
      if (whole) at += HEADER
      if (code === COPY_DATA || PASSED_OVER.includes(code)) continue
      keep(end)
      if (code === COPY_DONE) return at
      // An error, whose message and consequences are the driver's. Its header may have begun in an earlier part.
      header.writeUInt8(code, 0)
      header.writeUInt32BE(left + 4, 1)
      return at
    }
    keep(end)
    return undefined
  }

  function take(read: Buffer): void {
    seen()
    if (stopped) return
    for (let at = 0; at < read.length; at += PART_BYTES) {
      const endedAt = taken(read.subarray(at, at + PART_BYTES))
      if (endedAt === undefined) continue
      const rest = read.subarray(at + endedAt)
      const last = code === COPY_DONE ? memory.rest() : undefined
      if (last) filled.push(last)
      ended = code === COPY_DONE
      handBack(ended ? rest : Buffer.concat([header, rest]))
      break
    }
    if (!ended && !memory.isFree()) stream?.pause()
    if (ended || filled.length > 0) wake()
  }

  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        if (fault) throw fault.error
        const chunk = filled.shift()
        if (chunk) {
          yield chunk
          memory.giveBack(chunk)
          if (!ended && memory.isFree()) stream?.resume()
          continue
        }
        if (ended) return
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      stopped = true
      memory.close()
      if (!ended) stream?.resume()
    }
  }

  // What the driver asks of a query.
  client.query({
    submit: (connection: Connection) => {
      stream = connection.stream
      handBack = borrowReads(stream, take)
      connection.query(sql)
    },
    handleError: fail,
    handleCommandComplete: ({ text }: { readonly text: string }) => {
      rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0)
    },
    handleReadyForQuery: () => undefined,
  } as unknown as { submit(): void })
  return {
    chunks,
    rowCount: () => rows,
    fault: () => fault?.error,
    stop: (reason) => {
      stopped = true
      fail(reason)
      stream?.resume()
    },
  }
}
