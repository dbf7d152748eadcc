import type { Source, SourceConnection } from '../../connectors/source.ts'
import type { Extensions } from '../../engines/extensions.ts'
import type { Reader } from '../../engines/reader.ts'

/** The sources of one run: opened at first use, at most `concurrency` reads of each at once, closed together. */
export interface Sources {
  /** Runs `work` with a connection's source when one of its places is free. `undecoded`: it parses nothing, so that no reader child is started for it. */
  use<T>(connection: string, work: (source: Source) => Promise<T>, options?: { readonly undecoded?: boolean }): Promise<T>
  close(): Promise<void>
}

/** What sources are opened with; the reader child is started by the first that is. */
export interface SourcesTools {
  readonly reader: () => Reader
  readonly extensions: Extensions
}

export function openSources(connections: Readonly<Record<string, SourceConnection>>, { reader, extensions }: SourcesTools): Sources {
  const open = new Map<string, { readonly source: Source; free: number; readonly waiting: (() => void)[] }>()
  return {
    async use(connection, work, { undecoded = false } = {}) {
      let entry = open.get(connection)
      if (!entry) {
        const configured = connections[connection]
        if (!configured) throw new RangeError(`connection ${connection} was not bound`)
        const source = configured.openSource({ reader: undecoded ? onDemand(reader) : reader(), extensions })
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
    close: async () => {
      await Promise.allSettled([...open.values()].map(({ source }) => source.close()))
      open.clear()
    },
  }
}

/** A reader whose child is started by its first job. */
function onDemand(reader: () => Reader): Reader {
  return { execute: (job, signal) => reader().execute(job, signal), close: async () => {} }
}
