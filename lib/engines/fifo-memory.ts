/** What a pipe holds, and so what one read gives at most. */
const READ_BYTES = 64 * 1024
/** Buffers that are used again: all of them stay in the processor's cache. */
const [RING, RING_BYTES] = [5, 2 ** 18]

/** A few buffers in turn, where the bytes of a FIFO are read into: what is handed on is lent, until it is given back. New memory for each chunk makes the platform collect the old. */
export interface LentMemory {
  /** Where the next read goes: as much as a read can give. */
  room(): Buffer
  /** So many bytes were read into the room. Gives what is to be handed on. */
  filled(bytes: number): Uint8Array | undefined
  /** After the last read: what was not handed on. */
  rest(): Uint8Array | undefined
  /** Whether reading may go on. */
  isFree(): boolean
  giveBack(chunk: Uint8Array): void
  /** Nobody reads any more, and all that was handed on has been given back. */
  close(): void
}

/** Buffers that nobody has, of as many FIFOs as are usually open at once: small deliveries would else make more garbage than rows. */
const idle: Buffer<ArrayBuffer>[] = []
const MOST_IDLE = 4 * RING

export function lentMemory(): LentMemory {
  const free = Array.from({ length: RING }, lentBuffer)
  let [buffer, used] = [free.pop() ?? lentBuffer(), 0]
  return {
    room: () => buffer.subarray(used),
    filled: (bytes) => {
      used += bytes
      if (buffer.length - used >= READ_BYTES) return undefined
      const full = buffer.subarray(0, used)
      // Reading goes on only while one is free; should a read that was under way take the last, there is one more.
      ;[buffer, used] = [free.pop() ?? lentBuffer(), 0]
      return full
    },
    rest: () => {
      if (used === 0) return undefined
      const last = buffer.subarray(0, used)
      // Lent like the others, and so not ours at the end.
      ;[buffer, used] = [Buffer.alloc(0), 0]
      return last
    },
    isFree: () => free.length > 0,
    giveBack: ({ buffer: lent }) => void (lent instanceof ArrayBuffer && free.push(Buffer.from(lent))),
    close: () => void idle.push(...[...free.splice(0), buffer].filter(({ length }) => length > 0).slice(0, MOST_IDLE - idle.length)),
  }
}

function lentBuffer(): Buffer<ArrayBuffer> {
  return idle.pop() ?? Buffer.allocUnsafeSlow(RING_BYTES)
}
