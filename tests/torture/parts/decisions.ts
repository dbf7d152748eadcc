import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { local } from '../../../lib/connectors/local/index.ts'
import { messageOf } from '../../../lib/core/errors.ts'
import type { Held, Latest, SetManifest } from '../../../lib/export/manifest.ts'
import { type Chance, chanceOf } from '../chance.ts'
import { type Ended, type RunOptions, runStep } from '../child.ts'
import { type Content, differences, followLatest, heldLocks, leftovers, readExports, tornParts } from '../content.ts'
import { makeFolder, type ProjectFolder } from '../project.ts'
import type { Reference } from '../reference.ts'
import { describeEnd, type Trial } from '../trial.ts'
import { DISK_FAULT } from './disk-faults.ts'
import type { Settings } from './part.ts'

/** Rows of the source, by version; from the first to the second too many are gone for the gate. */
const ROWS = { v1: 20, v2: 5, v3: 18 } as const
type Version = keyof typeof ROWS

const FILES = {
  'millrace.config.ts': `import { config, duckdb, files, local } from '#millrace'
export default config({ profiles: { dev: {
  connections: { data: files('data') }, warehouse: duckdb('.millrace/dev/warehouse.duckdb'),
  landing: local('.millrace/dev/landing'), store: local('.millrace/dev/export'), limits: { memory: '512MB', threads: 2 },
} } })
`,
  'pipelines/p/pipeline.ts': `import { contract, csv, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
const promises = { formulas: 'raw', columns: { id: 'int64', amount: 'int64' }, orderBy: ['id'], gate: { removed: 0.1 } } as const
export default pipeline({
  name: 'p', schema,
  extract: { sale: source('data').files('sale.csv') },
  export: { sale: [
    csv('own.csv', { plain: true, contract: contract(promises) }),
    csv('parts.csv', { delivery: 'set', contract: contract({ ...promises, split: { rows: 4 }, compression: 'gzip' }) }),
    csv('whole.csv', { delivery: 'set', plain: true, contract: contract(promises) }),
  ] },
})
`,
  'pipelines/p/schema.ts': "export const schema = { sale: { id: 'int64', amount: 'int64' } } as const\n",
}

/** A command, and how it may end: `done` where it was cut off after its work was done. */
interface Decision {
  readonly name: string
  readonly args: readonly string[]
  readonly source: Version
  readonly code: number
  readonly done?: string
}

const RUN = ['run', 'p', '--refresh', '--keep-going'] as const
const reason = ['--reason', 'x'] as const
const HELD = { args: RUN, source: 'v2', code: 3 } as const
const DECISIONS: readonly Decision[] = [
  { name: 'a run of which an export is held', ...HELD },
  { name: 'accept an export', args: ['deliver', 'accept', 'p', 'own.csv', ...reason], source: 'v2', code: 0, done: 'nothing is held' },
  { name: 'a run of which a set is held', ...HELD },
  { name: 'accept a set', args: ['deliver', 'accept', 'p', 'set', ...reason], source: 'v2', code: 0, done: 'nothing is held' },
  {
    ...{ name: 'roll a set back', args: ['deliver', 'rollback', 'p', 'set', '--to', '1', ...reason], source: 'v2', code: 0 },
    done: 'what is current already',
  },
  {
    ...{ name: 'roll an export back', args: ['deliver', 'rollback', 'p', 'own.csv', '--to', '1', ...reason], source: 'v2', code: 0 },
    done: 'what is current already',
  },
  { name: 'a run of newer rows', args: RUN, source: 'v3', code: 0 },
]

/** What is known of one: what readers may see, and what is there once a run has come after it. */
interface KnownDecision extends Decision {
  readonly saved: string
  readonly before: Content
  readonly after: Content
  readonly settled: Content
}

/** Gates, accepts and rollbacks: killed at their disk operations, and at work all at once, while a reader reads. */
export async function decisions(_: Reference, { seed, short, progress }: Settings): Promise<readonly Trial[]> {
  const project = makeFolder({ ...FILES, 'data/sale.csv': rowsOf('v1') })
  try {
    project.plan('p')
    const known = await undisturbed(project)
    const trials: Trial[] = []
    const tell = (trial: Trial) => {
      progress(trial)
      trials.push(trial)
    }
    for (const each of known) {
      const total = await operationsOf(project, each)
      const chance = chanceOf(seed, each.name)
      const tried = short ? [1 + chance.below(total)] : Array.from({ length: total + 2 }, (_, i) => i + 1)
      for (const nth of tried) tell(await killedAt(project, each, nth))
    }
    for (let n = 1; n <= (short ? 2 : 20); n++) tell(await atOnce(project, known, `all at once ${n}`, chanceOf(seed, `all at once ${n}`)))
    return trials
  } finally {
    project.remove()
  }
}

async function undisturbed(project: ProjectFolder): Promise<readonly KnownDecision[]> {
  const first = await ran(project, RUN, 'v1')
  if (first.code !== 0) throw new Error(`the first run ended with ${describeEnd(first)}`)
  const known: KnownDecision[] = []
  for (const [i, each] of DECISIONS.entries()) {
    const saved = `before-${i + 1}`
    project.save(saved)
    const before = await exportsOf(project)
    const ended = await ran(project, each.args, each.source)
    if (ended.code !== each.code) throw new Error(`"${each.name}" ended with ${describeEnd(ended)}`)
    const after = await exportsOf(project)
    project.save('unsettled')
    await ran(project, RUN, each.source)
    known.push({ ...each, saved, before, after, settled: await exportsOf(project) })
    project.restore('unsettled')
  }
  return known
}

/** Killed at an operation, done again, and a run after it: the end is that of the undisturbed sequence. */
async function killedAt(project: ProjectFolder, known: KnownDecision, nth: number): Promise<Trial> {
  project.restore(known.saved)
  const file = join(project.folder, 'operation.txt')
  const reader = startReader(project)
  const strike = { preload: [DISK_FAULT], env: { TORTURE_DISK: `kill:${nth}:${file}` } }
  const struck = await ran(project, known.args, known.source, strike)
  const faults: string[] = []
  if (struck.signal !== 'SIGKILL' && struck.code !== known.code) faults.push(`ended by itself: ${describeEnd(struck)}`)
  faults.push(...heldLocks(project.state), ...tornParts(seenBy(await exportsOf(project)), seenBy(known.before), seenBy(known.after)))
  const again = await ran(project, known.args, known.source)
  const isDone = known.done !== undefined && again.code === 2 && (again.stderr + again.stdout).includes(known.done)
  if (again.code !== known.code && !isDone) faults.push(`again: ${describeEnd(again)}`)
  await ran(project, RUN, known.source)
  faults.push(...(await reader.stop()), ...differences(await exportsOf(project), known.settled), ...leftovers(project.state))
  const operation = readFileSync(file, 'utf8').trim().replaceAll(project.folder, '')
  const name = `${known.name}, killed at operation ${nth} (${operation || 'none'})`
  return { name, kills: struck.signal === 'SIGKILL' ? [struck.within] : [], faults, orphanMs: struck.orphanMs ?? 5000 }
}

/** A run of newer rows, two accepts and a rollback begin together while something is held, and some are killed; a run after them delivers the newer rows, unless somebody went back from them. */
async function atOnce(project: ProjectFolder, known: readonly KnownDecision[], name: string, chance: Chance): Promise<Trial> {
  const held = chance.pick(known.filter((each) => each.args[1] === 'accept'))
  project.restore(held.saved)
  const reader = startReader(project)
  const both = ['set', 'own.csv'] as const
  const commands = [
    RUN,
    ...both.flatMap((each) => [
      ['deliver', 'accept', 'p', each, ...reason],
      ['deliver', 'rollback', 'p', each, '--to', '1', ...reason],
    ]),
    ['deliver', 'accept', 'p', chance.pick(both), ...reason],
  ]
  const ends = await Promise.all(
    commands.map((args) =>
      ran(project, args, 'v3', { shares: true, ...(chance.below(2) === 0 && { kill: { afterMs: 400 + chance.below(1500) } }) }),
    ),
  )
  const faults = ends.flatMap((ended) => (ended.signal === 'SIGKILL' || saidWell(ended) ? [] : [describeEnd(ended)]))
  const last = await ran(project, RUN, 'v3')
  if (last.code !== 0) faults.push(`the run after them: ${describeEnd(last)}`)
  for (const each of both) {
    const folder = each.replace('.csv', '')
    const latest = JSON.parse(readFileSync(join(project.state, 'export', folder, 'latest.json'), 'utf8')) as Latest
    const { rows } = JSON.parse(readFileSync(join(project.state, 'export', latest.manifest), 'utf8')) as { readonly rows: number }
    const version = rows / (folder === 'set' ? 2 : 1)
    if (latest.rolledBack ? version !== ROWS.v1 : version !== ROWS.v3) faults.push(`${folder} is left at ${version} rows`)
  }
  faults.push(...(await reader.stop()), ...leftovers(project.state))
  return { name: `${name} (${ends.map(({ code, signal }) => code ?? signal).join(', ')})`, kills: [], faults, orphanMs: 0 }
}

/** An end that a person can do something with. */
function saidWell({ code, stdout, stderr }: Ended): boolean {
  return [0, 2, 3, 75].includes(code ?? -1) && !/This is a bug in millrace|\n\s+at .+:\d+:\d+/.test(stdout + stderr)
}

function ran(project: ProjectFolder, args: readonly string[], source: Version, options: RunOptions = {}): Promise<Ended> {
  project.write({ 'data/sale.csv': rowsOf(source) })
  return runStep(project, { now: '2024-01-02T06:00:00Z', args: [] }, { ...options, args })
}

function rowsOf(version: Version): string {
  return `id,amount\n${Array.from({ length: ROWS[version] }, (_, i) => `${i},${i * 10}\n`).join('')}`
}

async function operationsOf(project: ProjectFolder, { saved, args, source }: KnownDecision): Promise<number> {
  project.restore(saved)
  const file = join(project.folder, 'operations.txt')
  await ran(project, args, source, { preload: [DISK_FAULT], env: { TORTURE_DISK: `count:${file}` } })
  return readFileSync(file, 'utf8').trim().split('\n').length
}

async function exportsOf({ state }: ProjectFolder): Promise<Content> {
  const content = new Map<string, string>()
  await readExports(local(join(state, 'export')).openStore(), content)
  // What a kill after a switch leaves of a delivery that waits no more: the next decision, or prune, takes it away.
  for (const folder of ['own', 'set']) if (!waits(content, folder)) content.delete(`export ${folder}/held.json`)
  return content
}

function waits(content: Content, folder: string): boolean {
  const [held, latest] = ['held', 'latest'].map(
    (name) => JSON.parse(content.get(`export ${folder}/${name}.json`) ?? '{}') as Partial<Held & Latest>,
  )
  return held?.against === latest?.manifest
}

/** What readers see: what is current, the plain copies, and faults. */
function seenBy(content: Content): Content {
  return new Map([...content].filter(([name]) => /^fault |^export (.*\/latest\.json|[a-z]+\.csv)$/.test(name)))
}

const PAUSE_MS = 3

/** Follows each `latest.json` again and again; gives what it saw that is no whole set of one version. */
function startReader({ state }: ProjectFolder) {
  const faults = new Set<string>()
  const root = join(state, 'export')
  const read = (key: string) => readFile(join(root, key))
  let stopped = false
  const look = async () => {
    for (const folder of ['own', 'set']) {
      const latest = await read(`${folder}/latest.json`)
      const wrong = await followLatest(latest, read)
      if (wrong !== undefined) faults.add(`a reader sees of ${folder}: ${wrong}`)
      if (folder === 'own' || wrong !== undefined) continue
      const { members } = JSON.parse((await read((JSON.parse(latest.toString()) as Latest).manifest)).toString()) as SetManifest
      const rows = members.map((each) => each.rows)
      if (rows.length !== 2 || rows[0] !== rows[1]) faults.add(`a reader sees half a set: ${rows.join(' and ')} rows`)
    }
    for (const plain of ['own.csv', 'whole.csv']) {
      const text = (await read(plain)).toString()
      if (!(Object.keys(ROWS) as Version[]).some((version) => rowsOf(version) === text)) faults.add(`a reader sees a torn ${plain}`)
    }
  }
  const reading = (async () => {
    for (let looks = 0; !stopped || looks === 0; looks++) {
      await look().catch((error: unknown) => faults.add(`a reader fails: ${messageOf(error)}`))
      await sleep(PAUSE_MS)
    }
  })()
  return {
    stop: async (): Promise<readonly string[]> => {
      stopped = true
      await reading
      return [...faults]
    },
  }
}
