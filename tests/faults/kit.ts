import { createHash } from 'node:crypto'
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { expect, onTestFinished, vi } from 'vitest'
import { type Clock, systemClock } from '../../lib/core/clock.ts'
import { quoteIdentifier } from '../../lib/core/quote.ts'
import { filesUnder } from '../kit/files-under.ts'
import { FILES_CONFIG, type TestProject } from '../kit/project.ts'

/** An error without what differs from run to run. */
export function settled(error: string): string {
  return error
    .replace(/\b\d{8}T\d{9}-[0-9a-f]{6}\b/, '<run>')
    .replace(/\/([0-9a-f]{16}-[0-9a-f]{8}|[0-9a-f]{12}-[0-9a-f]{8}|\d{6}-[0-9a-f]{12}(-gone)?)\./, '/<object>.')
    .replace(/(http-|transform-)\w{6}\/|(land\/)[0-9a-f-]{36}\//, '$1$2<random>/')
}

/** The usual configuration with the warehouse in a folder of its own. */
export const APART_CONFIG = FILES_CONFIG.replace('dev/warehouse.duckdb', 'dev/warehouse/w.duckdb')

/** What a profile of APART_CONFIG has committed. */
export async function committedApart(project: TestProject): Promise<Readonly<Record<string, unknown>>> {
  cpSync(project.path('.millrace/dev/warehouse/w.duckdb'), project.path('.millrace/dev/warehouse.duckdb'))
  return committed(project)
}

/** Nothing of a failed run can be seen by a reader, and nothing is left in the way: no token or table, no delivery, no workspace. */
export function expectNothingToSee(project: TestProject): void {
  expect(filesUnder(project, '.millrace/dev/export')).toEqual([])
  expect(existsSync(project.path('.millrace/dev/warehouse.duckdb'))).toBe(false)
  expect(filesUnder(project, '.millrace/dev/workspace').filter((file) => !file.startsWith('_'))).toEqual([])
}

/** Nor has it landed anything. */
export function expectNothingWritten(project: TestProject): void {
  expect(filesUnder(project, '.millrace/dev/landing')).toEqual([])
  expectNothingToSee(project)
}

/** Everything that a profile has committed, without what differs from run to run: landing, tables, tokens, deliveries. */
export async function committed(project: TestProject): Promise<Readonly<Record<string, unknown>>> {
  const objects = ['landing', 'export'].flatMap((store) =>
    filesUnder(project, '.millrace/dev', store)
      .filter((file) => !file.startsWith('.millrace-meta'))
      .map((file) => [`${store}/${file}`, contentOf(project.path('.millrace/dev', store, file))]),
  )
  return { ...Object.fromEntries(objects), ...(await tables(project)) }
}

/** The same as readers see it: deliveries, and tables without the numbers of the loads that their rows came with. */
export async function seenByReaders(project: TestProject): Promise<Readonly<Record<string, unknown>>> {
  const all = Object.entries(await committed(project)).filter(([name]) => /^(export\/|table (?!_millrace))/.test(name))
  return Object.fromEntries(all.map(([name, value]) => [name, JSON.parse(JSON.stringify(value).replaceAll(/, '_load': \w+/g, ''))]))
}

/** What differs from run to run, and the source's own mark, which is another one for a file that a test has written again. */
const OF_THE_RUN = ['run', 'sourceVersion']

/** The bytes' hash; of JSON the value. */
function contentOf(file: string): unknown {
  if (!file.endsWith('.json')) return createHash('sha256').update(readFileSync(file)).digest('hex')
  return JSON.parse(readFileSync(file, 'utf8'), (key, value: unknown) => (OF_THE_RUN.includes(key) ? undefined : value))
}

async function tables(project: TestProject): Promise<Record<string, unknown>> {
  if (!existsSync(project.path('.millrace/dev/warehouse.duckdb'))) return {}
  const found: Record<string, unknown> = {}
  for (const [name] of await project.warehouse('SELECT table_name FROM duckdb_tables() ORDER BY 1'))
    if (name) found[`table ${name}`] = name === '_millrace_tokens' ? await tokens(project) : await rows(project, name)
  return found
}

/** As hashes where there are many, so that a difference can be read. */
async function rows(project: TestProject, table: string): Promise<unknown> {
  const found = await project.warehouse(`SELECT t::VARCHAR FROM ${quoteIdentifier(table)} AS t ORDER BY 1`)
  return found.length <= 100 ? found : createHash('sha256').update(JSON.stringify(found)).digest('hex')
}

const tokens = (project: TestProject) =>
  project.warehouse('SELECT pipeline, "table", "partition", input_key, loads FROM _millrace_tokens ORDER BY ALL')

/** Makes the profile as new. */
export function reset(project: TestProject): void {
  rmSync(project.path('.millrace'), { recursive: true, force: true })
}

/** Makes waiting take no time until the test ends; gives how many milliseconds were waited. */
export function timeFlies(): () => number {
  let passedMs = 0
  vi.spyOn(systemClock as Required<Clock>, 'monotonicMs').mockImplementation(() => passedMs)
  vi.spyOn(systemClock, 'sleep').mockImplementation(async (ms, signal) => {
    signal?.throwIfAborted()
    passedMs += ms
  })
  onTestFinished(() => void vi.restoreAllMocks())
  return () => passedMs
}
