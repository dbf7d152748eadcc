/** Chunks of any size, given on as blocks of one size. */
export interface EvenBlocks {
  add(chunk: Uint8Array): Promise<void>
  /** Gives what is left, a shorter block, or nothing. */
  end(): Promise<void>
}

/** What a compressor makes of bytes depends on the portions in which it gets them: even ones make the same bytes of the same rows, however a network has cut them. Each block is a buffer of its own. */
export function evenBlocks(sizeBytes: number, take: (block: Uint8Array) => Promise<void>): EvenBlocks {
  let [block, filled] = [Buffer.allocUnsafe(sizeBytes), 0]
  const give = async () => {
    const whole = block.subarray(0, filled)
    ;[block, filled] = [Buffer.allocUnsafe(sizeBytes), 0]
    await take(whole)
  }
  return {
    add: async (chunk) => {
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + sizeBytes - filled)
        block.set(part, filled)
        filled += part.length
        at += part.length
        if (filled === sizeBytes) await give()
      }
    },
    end: async () => {
      if (filled > 0) await give()
    },
  }
}
