import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { thisMachine } from '../../config/limits.ts'
import type { Clock } from '../../core/clock.ts'
import type { Limits } from '../../core/context.ts'
import { type diskSpace, spaceFinding, writableFinding } from '../../core/disk-findings.ts'
import { type Finding, fault, fine, looking, warning } from '../../core/finding.ts'
import { makeFifo } from '../../engines/fifo-source.ts'
import { versions } from '../run/versions.ts'

const NODE_NEEDED = 24
/** No machine that runs this version has a clock before it. */
const BUILT = Date.parse('2026-01-01T00:00:00Z')

/** What the machine must have: Node, versions, `/proc`, named pipes, a clock, room for temporary files. `temp`: a folder of this process alone. */
export async function machineFindings(temp: string, clock: Clock, space: typeof diskSpace): Promise<readonly Finding[]> {
  return [
    nodeFinding(),
    ...versionFindings(),
    existsSync('/proc/self/stat')
      ? fine('/proc', 'is there')
      : fault('/proc', 'is not there', { advice: 'mount it: memory is watched through it, and what ran before is told from what runs' }),
    ...(await looking('pipes', async () => {
      await makeFifo(join(temp, 'pipe'))
      return fine('pipes', 'named pipes can be made')
    })),
    clock.now().getTime() < BUILT
      ? fault('clock', `says ${clock.now().toISOString()}`, { advice: 'set the clock by NTP: "now" decides which windows have ended' })
      : fine('clock', clock.now().toISOString()),
    await writableFinding('temp', tmpdir()),
    ...(await looking('temp', () => spaceFinding('temp', tmpdir(), space))),
  ]
}

function nodeFinding(): Finding {
  const { node } = process.versions
  if (Number.parseInt(node, 10) >= NODE_NEEDED) return fine('node', node)
  return fault('node', `${node}; millrace needs ${NODE_NEEDED} or later`, { advice: 'in a checkout: make setup', kind: 'configuration' })
}

/** The engines give other results, or other faults, in another version than the one that was tested. */
export function versionFindings(found: Readonly<Record<string, string>> = versions(), pinned = pinnedVersions()): Finding[] {
  const others = (['duckdb', 'polars'] as const).filter((name) => found[name] !== pinned[name])
  const all = `millrace ${found.millrace}, DuckDB ${found.duckdb}, Polars ${found.polars}`
  if (others.length === 0) return [fine('versions', all)]
  const wanted = others.map((name) => `${name} ${pinned[name]}`).join(' and ')
  return [warning('versions', `${all}; this millrace was tested with ${wanted}`, 'install what package.json of millrace pins')]
}

function pinnedVersions(): Readonly<Record<string, string | undefined>> {
  const { dependencies } = createRequire(import.meta.url)('millrace/package.json') as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  return { duckdb: dependencies['@duckdb/node-api'], polars: dependencies['nodejs-polars'] }
}

/** Whether the limits fit into the machine. */
export function memoryFinding({ memoryBytes, readerMemoryBytes, threads }: Limits, machine = thisMachine()): Finding {
  const text = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  const found = `${text(memoryBytes)} and ${threads} threads for an engine, ${text(readerMemoryBytes)} for the reader, of ${text(machine.memoryBytes)} and ${machine.threads}`
  return memoryBytes + readerMemoryBytes > machine.memoryBytes
    ? warning('limits', found, 'lower limits.memory or limits.readerMemory: together they are more than the machine has')
    : fine('limits', found)
}
