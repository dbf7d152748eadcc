import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Sees each read; what it is given holds until it returns. */
export type TakeRead = (chunk: Buffer) => void

const READ_BYTES = 64 * 1024

/** Sockets of ours, each with whoever has borrowed it. */
const lending = new WeakMap<Duplex, { take: TakeRead | undefined }>()

/**
 * A socket that reads into the same memory each time. Its stream gets copies; while somebody has borrowed it, the stream gets nothing, and the borrower sees the memory itself: of a gigabyte that passes, new memory for each
 * read takes more time to be collected than all else that is done with it.
 */
export function lendingSocket(): Socket {
  const borrower: { take: TakeRead | undefined } = { take: undefined }
  const callback = (bytes: number, { buffer, byteOffset }: Uint8Array): boolean => {
    const chunk = Buffer.from(buffer, byteOffset, bytes)
    if (!borrower.take) return socket.push(Buffer.from(chunk))
    borrower.take(chunk)
    return true
  }
  const socket: Socket = new Socket({ onread: { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback } })
  lending.set(socket, borrower)
  return socket
}

/**
 * Has all reads of a connection's stream go to `take`, which may pause and resume the stream. What it gives ends that: the bytes that `take` has not used then go where reads went before. A stream that is none of ours (TLS) has
 * memory of its own.
 */
export function borrowReads(stream: Duplex, take: TakeRead): (rest: Buffer) => void {
  const borrower = lending.get(stream)
  if (borrower) {
    borrower.take = take
    return (rest) => {
      borrower.take = undefined
      if (rest.length > 0) stream.push(Buffer.from(rest))
    }
  }
  const before = stream.listeners('data') as TakeRead[]
  for (const each of before) stream.off('data', each)
  stream.on('data', take)
  return (rest) => {
    stream.off('data', take)
    for (const each of before) {
      stream.on('data', each)
      if (rest.length > 0) each(Buffer.from(rest))
    }
  }
}
