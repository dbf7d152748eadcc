const AGAIN_MS = 200

/** Waits for work that a signal has asked to stop, and cancels it on the server until it has: a cancel that comes between two statements is lost. */
export async function untilSettled<T>(work: Promise<T>, signal: AbortSignal, cancel: () => Promise<void>): Promise<T> {
  let settled = false
  let wake: (() => void) | undefined
  const persist = async () => {
    while (!settled) {
      await cancel().catch(() => undefined)
      if (settled) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, AGAIN_MS)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
  const begin = () => void persist()
  if (signal.aborted) begin()
  else signal.addEventListener('abort', begin, { once: true })
  try {
    return await work
  } finally {
    settled = true
    wake?.()
    signal.removeEventListener('abort', begin)
  }
}
