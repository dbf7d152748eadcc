/**
 * What is asked for at the same time is done in one go: while one is at work others gather, and are the next, at most `most` of them, in the order of asking. A batch that fails is done one by one, so that each failure is its own:
 * `work` must stand being done again. One at a time.
 */
export function together<A, R>(most: number, work: (asked: readonly A[]) => Promise<readonly R[]>): (asked: A) => Promise<R> {
  const waiting: Waiting<A, R>[] = []
  let busy = false

  async function serve(): Promise<void> {
    busy = true
    // Others of the same turn of the event loop may come.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (waiting.length > 0) await settle(waiting.splice(0, most))
    busy = false
  }

  async function settle(batch: readonly Waiting<A, R>[]): Promise<void> {
    try {
      const results = await work(batch.map(({ asked }) => asked))
      for (const [i, { resolve }] of batch.entries()) resolve(results[i] as R)
    } catch (error) {
      if (batch.length > 1) for (const each of batch) await settle([each])
      else for (const { reject } of batch) reject(error)
    }
  }

  return (asked) =>
    new Promise((resolve, reject) => {
      waiting.push({ asked, resolve, reject })
      if (!busy) void serve()
    })
}

interface Waiting<A, R> {
  readonly asked: A
  resolve(result: R): void
  reject(error: unknown): void
}
