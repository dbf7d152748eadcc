import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { disk } from '../../../lib/core/disk.ts'
import { openProject } from '../../../lib/pipeline/project.ts'
import { run } from '../../../lib/pipeline/run/run.ts'
import { type PowerCut, recordDisk, type Survival } from '../../kit/power-cut.ts'
import { chanceOf } from '../chance.ts'
import { type Content, contentOf, tornParts } from '../content.ts'
import { type Known, type Reference, rewind } from '../reference.ts'
import { strike, type Trial } from '../trial.ts'
import type { Settings } from './part.ts'
import { mustBeCaught } from './twins.ts'

/** Something that the run reported as done, and how many disk operations were done by then. */
interface Acknowledged {
  readonly after: number
  /** Beginnings of names of a content. */
  readonly names: readonly string[]
}

interface Recorded {
  readonly cut: PowerCut
  /** How many operations the run did. Whoever reads what a cut has left goes on recording. */
  readonly operations: number
  readonly acknowledged: readonly Acknowledged[]
  /** Copies of the warehouse, each as it was from an operation on: DuckDB fsyncs for itself, before a load is reported. */
  readonly warehouses: readonly { readonly after: number; readonly file: string }[]
}

const SURVIVALS: readonly Survival[] = [() => 'synced', () => 'live', (folder) => (folder.includes('_manifests') ? 'live' : 'synced')]

/**
 * The power goes after each of a run's disk operations: what was not fsynced is lost. Whatever is visible then is whole, nothing that was reported is gone, and (for some of the cuts) a rerun comes to the same. The
 * twin without fsync is caught.
 */
export async function powerCuts(reference: Reference, settings: Settings): Promise<readonly Trial[]> {
  const known = reference.known[settings.short ? 1 : 2]
  if (!known) throw new RangeError('the script is too short')
  const trials: Trial[] = []
  const tell = (trial: Trial) => {
    settings.progress(trial)
    trials.push(trial)
  }
  {
    await using recorded = await record(reference, known)
    for (const trial of await lookAtCuts(reference, known, recorded, settings)) tell(trial)
    for (const trial of await rerunAfterCuts(reference, known, recorded, settings)) tell(trial)
  }
  for (const without of [['syncFile', 'syncFolder'], ['syncFile'], ['syncFolder']] as const) {
    await using recorded = await record(reference, known, without)
    const found = await lookAtCuts(reference, known, recorded, settings, true)
    tell(
      mustBeCaught(`no ${without.join(', no ')}`, /reported, and gone|^fault .*(is missing|damaged|bytes|torn|ENOENT)/, {
        name: '',
        kills: [],
        orphanMs: 0,
        faults: found.flatMap(({ faults }) => faults),
      }),
    )
  }
  return trials
}

/** Runs the step in this process with a recorder under it. `without`: fsyncs that the broken twin leaves out. */
async function record(
  reference: Reference,
  { step, saved }: Known,
  without: readonly ('syncFile' | 'syncFolder')[] = [],
): Promise<Recorded & AsyncDisposable> {
  const { project } = reference
  rewind(reference, { step, saved })
  const warehouse = join(project.state, 'warehouse.duckdb')
  const copies = join(project.folder, 'warehouses')
  rmSync(copies, { recursive: true, force: true })
  mkdirSync(copies)
  const cut = await recordDisk(project.state)
  const recorded = { ...disk }
  const acknowledged: Acknowledged[] = []
  const warehouses: { after: number; file: string }[] = []
  const keepWarehouse = () => {
    const file = join(copies, String(warehouses.length))
    copyFileSync(warehouse, file)
    warehouses.push({ after: cut.operations.length, file })
  }
  const folder = process.cwd()
  try {
    for (const name of without) Object.assign(disk, { [name]: async () => undefined })
    if (existsSync(warehouse)) keepWarehouse()
    // The configuration reads it when it is imported, once for this process.
    process.env.TORTURE_NOW = step.now
    const report = await run(await openProject(project.folder), 'sales', {
      ...choiceOf(step.args),
      events: {
        event: (event, { partition = '_all' }) => {
          if (event.type !== 'stage' || event.phase !== 'end' || event.outcome !== 'done') return
          if (event.stage === 'load') keepWarehouse()
          if (event.stage === 'land') acknowledged.push({ after: cut.operations.length, names: [`landing ${event.dataset} ${partition} `] })
          if (event.stage === 'export') {
            const path = (event.target ?? '').replace('{partition}', partition).replace(/\.csv$/, '')
            acknowledged.push({ after: cut.operations.length, names: [`export ${path}.csv`, `export ${path}/`] })
          }
        },
        close: () => {},
      },
    })
    if (report.outcome !== 'done') throw new Error(`the recorded run ended as ${report.outcome}`)
  } finally {
    Object.assign(disk, recorded)
    process.chdir(folder)
  }
  return { cut, operations: cut.operations.length, acknowledged, warehouses, [Symbol.asyncDispose]: () => cut[Symbol.asyncDispose]() }
}

function choiceOf(args: readonly string[]): { from?: string; to?: string; refresh?: boolean } {
  const value = (name: string) => args[args.indexOf(name) + 1] ?? ''
  return args.includes('--from') ? { from: value('--from'), to: value('--to'), refresh: args.includes('--refresh') } : {}
}

/** What a reader sees after each cut; cuts that leave the same are looked at once. `untilFault`: one is enough. */
async function lookAtCuts(
  { project }: Reference,
  known: Known,
  recorded: Recorded,
  { seed, short }: Settings,
  untilFault = false,
): Promise<readonly Trial[]> {
  const { cut, operations } = recorded
  const image = join(project.folder, 'image')
  const seen = new Set<string>()
  const trials: Trial[] = []
  const chance = chanceOf(seed, 'cuts')
  for (let after = 0; after <= operations; after++)
    for (const [i, survival] of SURVIVALS.entries()) {
      const due = recorded.acknowledged.filter((each) => each.after <= after).length
      const visible = cut.listing(after, survival).filter((file) => /^(landing|export)\/(?!\.millrace-meta|_tmp)/.test(file))
      const listing = [due, ...visible.sort()].join('\n')
      if (seen.has(listing) || (short && after < operations && chance.below(12) > 0)) continue
      seen.add(listing)
      await makeImage(recorded, after, survival, image)
      const faults = lost(await contentOf(image), known, recorded.acknowledged.slice(0, due))
      trials.push({
        name: `power cut after operation ${after} (${cut.operations[after - 1] ?? 'none'}), survival ${i}`,
        kills: [],
        faults,
        orphanMs: 0,
      })
      if (untilFault && faults.length > 0) return trials
    }
  rmSync(image, { recursive: true, force: true })
  return trials
}

/** The disk after a cut, with the warehouse as DuckDB had made it durable. */
async function makeImage({ cut, warehouses }: Recorded, after: number, survival: Survival, into: string): Promise<void> {
  await cut.image(after, survival, into)
  const warehouse = warehouses.findLast((each) => each.after <= after)
  for (const end of ['', '.wal']) rmSync(join(into, `warehouse.duckdb${end}`), { force: true })
  if (warehouse) copyFileSync(warehouse.file, join(into, 'warehouse.duckdb'))
}

/** What is torn, and what was reported and is not there as it was reported. */
function lost(seen: Content, { before, after }: Known, acknowledged: readonly Acknowledged[]): string[] {
  // A warehouse is as its copy is; a landing that lost a load before its warehouse did is told by what was acknowledged.
  const faults = tornParts(seen, before, after)
  for (const name of after.keys())
    if (acknowledged.some(({ names }) => names.some((start) => name.startsWith(start))) && seen.get(name) !== after.get(name))
      faults.push(`${name}: reported, and gone`)
  return faults
}

/** A rerun after a cut comes to the same. */
async function rerunAfterCuts(
  reference: Reference,
  known: Known,
  recorded: Recorded,
  { seed, short }: Settings,
): Promise<readonly Trial[]> {
  const { cut, operations } = recorded
  const { project } = reference
  const chance = chanceOf(seed, 'reruns after cuts')
  const trials: Trial[] = []
  const count = short ? 1 : 15
  for (let i = 0; i < count; i++) {
    const after = Math.floor(((i + chance.next()) / count) * operations)
    rmSync(project.state, { recursive: true, force: true })
    await makeImage(recorded, after, SURVIVALS[i % SURVIVALS.length] ?? (() => 'synced'), project.state)
    trials.push(
      await strike(reference, known, `rerun after a power cut at operation ${after} (${cut.operations[after - 1] ?? 'none'})`, []),
    )
  }
  return trials
}
