import type { Client } from 'pg'

/** The result, or undefined where there is none in time, or an error. */
export async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs)
  })
  try {
    return await Promise.race([work.catch(() => undefined), late])
  } finally {
    clearTimeout(timer)
  }
}

const END_MS = 2_000

/** Ends a session, also one whose other side is gone without a word. */
export async function endOf(client: Client): Promise<void> {
  const ended = await within(
    END_MS,
    client.end().then(() => true),
  )
  if (ended === undefined) (client as unknown as { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy()
}
