import { messageOf, TransientError } from '../../core/errors.ts'
import type { Address } from './client.ts'
import type { PostgresOptions, StartedServer } from './options.ts'

/** Where the server of a connection is, for one user of it: a source, a warehouse. */
export interface ServerUse {
  /** @throws TransientError when `start` fails */
  address(): Promise<Address>
  /** The last one that releases ends a server that was started. May come twice. */
  release(): Promise<void>
}

/** Gives each user of a connection its use of one server: `start` is called once for all of them. */
export function sharedServer({ host, port = 5432, start }: PostgresOptions): () => ServerUse {
  let [users, starting]: [number, Promise<StartedServer> | undefined] = [0, undefined]
  return () => {
    let [using, released] = [false, false]
    return {
      address: async () => {
        if (!start) return { host: host ?? '', port }
        if (!using) users++
        using = true
        starting ??= start().catch((error: unknown) => {
          starting = undefined
          throw new TransientError(`the server of this connection did not start: ${messageOf(error)}`, { cause: error })
        })
        return starting
      },
      release: async () => {
        if (!using || released) return
        released = true
        if (--users > 0) return
        const started = starting
        starting = undefined
        await (await started?.catch(() => undefined))?.close()
      },
    }
  }
}
