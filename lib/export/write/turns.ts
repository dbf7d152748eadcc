// Each engine that writes into a FIFO holds a thread of libuv's pool until its bytes are taken, and the store needs threads to take them.
const turns = Math.max(1, Math.floor(Number(process.env.UV_THREADPOOL_SIZE ?? 4) / 2))
let taken = 0
const waiting: (() => void)[] = []

/** Waits for a turn to stream; gives what ends it. */
export async function takeTurn(signal: AbortSignal): Promise<() => void> {
  if (taken < turns) taken++
  else await new Promise<void>((resolve) => waiting.push(resolve))
  const release = () => {
    const next = waiting.shift()
    if (next) next()
    else taken--
  }
  if (signal.aborted) release()
  signal.throwIfAborted()
  return release
}
