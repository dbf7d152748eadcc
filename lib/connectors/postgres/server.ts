import { messageOf, TransientError } from '../../core/errors.ts'
import type { SharedLimits } from '../shared-limits.ts'
import type { Served } from '../source.ts'
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

/** The server of a connection, for other processes as well: until it is closed here. @throws TransientError when `start` fails */
export async function serveBy(use: ServerUse): Promise<Served> {
  const { host, port } = await use.address()
  return { address: `${host}:${port}`, close: () => use.release() }
}

/** The use of a server that one of the run's processes has started. */
export function servedElsewhere(shared: SharedLimits): ServerUse {
  return {
    address: async () => {
      const address = await shared.served()
      const colon = address.lastIndexOf(':')
      return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
    },
    release: async () => {},
  }
}
