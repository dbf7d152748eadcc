/**
 * Does the work of many things, at most `most` of them at a time; results in the order of the things. After a failure nothing more is begun, and what is under way ends first: then the failure of the first thing that has failed is thrown;
 * `others` is given those of the rest.
 */
export async function sideBySide<A, R>(
  most: number,
  things: readonly A[],
  work: (thing: A) => Promise<R>,
  others: (thing: A, failure: unknown) => void = () => {},
): Promise<R[]> {
  const results: R[] = []
  const failures: { readonly i: number; readonly thing: A; readonly cause: unknown }[] = []
  let next = 0
  const lane = async () => {
    while (next < things.length && failures.length === 0) {
      const i = next++
      const thing = things[i] as A
      try {
        results[i] = await work(thing)
      } catch (cause) {
        failures.push({ i, thing, cause })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, things.length) }, lane))
  const [first, ...rest] = failures.sort((a, b) => a.i - b.i)
  for (const { thing, cause } of rest) others(thing, cause)
  if (first) throw first.cause
  return results
}
