/** A number of places, taken several at a time and in the order of asking, so that nobody waits for ever with a part of what he needs. */
export interface Places {
  /** Resolves when `count` are free, with what gives them back. */
  take(count: number, signal: AbortSignal): Promise<() => void>
}

export function places(total: number): Places {
  let free = total
  const waiting: { readonly count: number; readonly go: () => void }[] = []
  const serve = () => {
    for (let next = waiting[0]; next && next.count <= free; next = waiting[0]) {
      waiting.shift()
      free -= next.count
      next.go()
    }
  }
  return {
    take: (count, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted()
        const stop = () => {
          const at = waiting.indexOf(mine)
          if (at >= 0) waiting.splice(at, 1)
          serve()
          reject(signal.reason)
        }
        const mine = {
          count: Math.min(count, total),
          go: () => {
            signal.removeEventListener('abort', stop)
            let given = false
            resolve(() => {
              if (given) return
              given = true
              free += mine.count
              serve()
            })
          },
        }
        signal.addEventListener('abort', stop, { once: true })
        waiting.push(mine)
        serve()
      }),
  }
}
