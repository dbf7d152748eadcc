/**
 * Does the work of many things, at most `most` of them at a time; results in the order of the things. After a failure nothing more is begun, and what is under way ends first: then the first failure is thrown.
 */
export async function sideBySide<A, R>(most: number, things: readonly A[], work: (thing: A) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  let failed = false
  const lane = async () => {
    while (next < things.length && !failed) {
      const i = next++
      try {
        results[i] = await work(things[i] as A)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: Math.min(most, things.length) }, lane))
  const failure = ended.find((each) => each.status === 'rejected')
  if (failure) throw failure.reason
  return results
}
