import type { SharedLimits } from '../../connectors/shared-limits.ts'
import type { Source, SourceConnection } from '../../connectors/source.ts'
import type { Extensions } from '../../engines/extensions.ts'
import type { Reader } from '../../engines/reader.ts'

/** The sources of one run: opened at first use, at most `concurrency` reads of each at once, closed together. */
export interface Sources {
  /** Runs `work` with a connection's source when one of its places is free. `undecoded`: it parses nothing, so that no reader child is started for it. */
  use<T>(connection: string, work: (source: Source) => Promise<T>, options?: { readonly undecoded?: boolean }): Promise<T>
  /** Where other processes of the run read as well: closes the sources that hold sessions of a server and lets others have them. To be called when a unit has ended. */
  rest(): Promise<void>
  close(): Promise<void>
}

/** What processes of one run share of their connections. */
export interface Shares {
  /** Those that the pipeline reads from. */
  readonly connections: readonly string[]
  readonly signal: AbortSignal
  of(connection: string): SharedLimits
}

/** What sources are opened with; the reader child is started by the first that is. */
export interface SourcesTools {
  readonly reader: () => Reader
  readonly extensions: Extensions
  readonly shares?: Shares
}

export function openSources(connections: Readonly<Record<string, SourceConnection>>, tools: SourcesTools): Sources {
  const { reader, extensions, shares } = tools
  const open = new Map<string, { readonly source: Source; free: number; readonly waiting: (() => void)[] }>()
  const leases = leasesOf(connections, shares)

  return {
    async use(connection, work, { undecoded = false } = {}) {
      const configured = connections[connection]
      if (!configured) throw new RangeError(`connection ${connection} was not bound`)
      if (configured.sessions !== undefined) await leases.take()
      let entry = open.get(connection)
      if (!entry) {
        const shared = shares && { shared: shares.of(connection) }
        const source = configured.openSource({ reader: undecoded ? onDemand(reader) : reader(), extensions, ...shared })
        entry = { source, free: source.concurrency, waiting: [] }
        open.set(connection, entry)
      }
      const { source, waiting } = entry
      if (entry.free > 0) entry.free--
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await work(source)
      } finally {
        // A place is handed to the next in line, so `free` counts only places that nobody waits for.
        const next = waiting.shift()
        if (next) next()
        else entry.free++
      }
    },
    rest: async () => {
      if (!shares) return
      for (const [name, { source }] of open) {
        if (connections[name]?.sessions === undefined) continue
        open.delete(name)
        await source.close()
      }
      leases.give()
    },
    close: async () => {
      await Promise.allSettled([...open.values()].map(({ source }) => source.close()))
      open.clear()
      leases.give()
    },
  }
}

/**
 * The right to hold sessions of servers, for a unit. All at once and in the order of names: two processes that each had one of two, and wanted the other, would wait for ever.
 */
function leasesOf(connections: Readonly<Record<string, SourceConnection>>, shares: Shares | undefined) {
  let taking: Promise<void> | undefined
  let held: (() => void)[] = []
  const takeAll = async ({ connections: names, signal, of }: Shares) => {
    for (const name of names.toSorted()) {
      const { sessions } = connections[name] ?? {}
      if (sessions === undefined) continue
      const limits = of(name)
      held.push(await limits.take('sessions', Math.max(1, Math.floor(sessions / limits.sessions)), signal))
    }
  }
  return {
    take: async () => {
      if (!shares) return
      taking ??= takeAll(shares)
      await taking
    },
    give: () => {
      for (const back of held) back()
      held = []
      taking = undefined
    },
  }
}

/** A reader whose child is started by its first job. */
function onDemand(reader: () => Reader): Reader {
  return { execute: (job, signal) => reader().execute(job, signal), cpuMs: () => reader().cpuMs(), close: async () => {} }
}
