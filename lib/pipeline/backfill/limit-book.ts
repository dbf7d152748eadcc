import type { SharedLimits } from '../../connectors/shared-limits.ts'
import { type Circuit, circuit } from '../../core/breaker.ts'

/** The limits of all connections of a backfill: its parent keeps them, for itself and for its workers. Limits are named `<connection>/<limit>`. */
export interface LimitBook {
  take(limit: string, total: number, signal: AbortSignal): Promise<() => void>
  book(limit: string, pass: Parameters<SharedLimits['book']>[1]): number
  hold(limit: string, ms: number): void
  enter(host: string): string | undefined
  leave(host: string, failed?: string): void
}

interface Places {
  used: number
  readonly waiting: { readonly total: number; readonly go: () => void }[]
}

/** `nowMs`: milliseconds that only grow. */
export function limitBook(nowMs: () => number = () => performance.now()): LimitBook {
  const places = new Map<string, Places>()
  const freeAt = new Map<string, number>()
  const circuits = new Map<string, Circuit>()

  function serve(at: Places): void {
    for (let next = at.waiting[0]; next && at.used < next.total; next = at.waiting[0]) {
      at.waiting.shift()
      at.used++
      next.go()
    }
  }

  function circuitOf(host: string): Circuit {
    const known = circuits.get(host) ?? circuit(host.slice(host.indexOf('/') + 1))
    circuits.set(host, known)
    return known
  }

  return {
    take: (limit, total, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted()
        const at = places.get(limit) ?? { used: 0, waiting: [] }
        places.set(limit, at)
        const stop = () => {
          at.waiting.splice(at.waiting.indexOf(mine), 1)
          serve(at)
          reject(signal.reason)
        }
        const mine = {
          total,
          go: () => {
            signal.removeEventListener('abort', stop)
            let given = false
            resolve(() => {
              if (given) return
              given = true
              at.used--
              serve(at)
            })
          },
        }
        signal.addEventListener('abort', stop, { once: true })
        at.waiting.push(mine)
        serve(at)
      }),
    book: (limit, { cost, perSecond, savedMs }) => {
      const now = nowMs()
      const at = Math.max(freeAt.get(limit) ?? now, now - savedMs)
      freeAt.set(limit, at + (cost / perSecond) * 1000)
      return Math.max(0, at - now)
    },
    hold: (limit, ms) => void freeAt.set(limit, Math.max(freeAt.get(limit) ?? 0, nowMs() + ms)),
    enter: (host) => circuitOf(host).enter(nowMs()),
    leave: (host, failed) => circuitOf(host).leave(nowMs(), failed),
  }
}
