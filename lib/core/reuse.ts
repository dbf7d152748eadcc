/** Things of a kind that are dear to make, kept a few for whoever comes next. A WebAssembly memory is one: a new one for each small file keeps the platform busy collecting the old ones. */
export interface Reused<T> {
  /** One that was given back, else a new one. */
  take(make: () => T): T
  /** It is another's from now on. */
  giveBack(it: T): void
}

const MOST_KEPT = 4

export function reused<T>(): Reused<T> {
  const idle: T[] = []
  return {
    take: (make) => idle.pop() ?? make(),
    giveBack: (it) => {
      if (idle.length < MOST_KEPT) idle.push(it)
    },
  }
}
