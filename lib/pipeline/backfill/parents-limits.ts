import type { SharedLimits } from '../../connectors/shared-limits.ts'
import type { ParentLink } from './parent-link.ts'

/** A connection's limits as a worker has them: the parent keeps them. */
export function parentsLimits(connection: string, sessions: number, parent: ParentLink): SharedLimits {
  const named = (limit: string) => `${connection}/${limit}`
  // Where the parent is gone, so is this process.
  const tell = (told: Promise<unknown>) => void told.catch(() => undefined)
  return {
    sessions,
    take: async (limit, total, signal) => {
      signal.throwIfAborted()
      const asked = parent.call('take', { limit: named(limit), total })
      const give = ({ permit }: { readonly permit: number }) => tell(parent.call('give', { permit }))
      const aborted = Promise.withResolvers<never>()
      const stop = () => aborted.reject(signal.reason)
      signal.addEventListener('abort', stop, { once: true })
      try {
        const permit = await Promise.race([asked, aborted.promise])
        return () => give(permit)
      } catch (error) {
        void asked.then(give, () => undefined)
        throw error
      } finally {
        signal.removeEventListener('abort', stop)
      }
    },
    book: async (limit, pass) => (await parent.call('book', { limit: named(limit), ...pass })).waitMs,
    hold: (limit, ms) => tell(parent.call('hold', { limit: named(limit), ms })),
    enter: async (host) => (await parent.call('enter', { host: named(host) })).refused,
    leave: (host, failed) => tell(parent.call('leave', { host: named(host), ...(failed !== undefined && { failed }) })),
    served: async () => (await parent.call('served', { connection })).address,
  }
}
