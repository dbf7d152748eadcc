import { execFile } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { cp, readFile, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { describe, expect, test } from 'vitest'
import { quoteIdentifier, quoteLiteral } from '../../lib/core/quote.ts'
import { temporaryFolder } from '../kit/context.ts'

const root = new URL('../..', import.meta.url).pathname

/** `case.json` of a golden case, `fixtures/<pipeline>/<case>/`. Beside it: `expected/export/` and `expected/load/`, and `input/`, which is laid over `fixtures/`. */
interface Case {
  /** What `millrace run <pipeline>` is given besides. */
  readonly run: readonly string[]
  /** Beginnings of the paths whose exports are copied to the plain path. */
  readonly plain: readonly string[]
}

/** A year of partitions on a machine that is busy with other tests. */
const TIMEOUT_MS = 240_000

/** What a case proves besides, of the project in which it ran. */
interface Proof {
  /** Goes on after "and". */
  readonly says: string
  readonly holds: (project: string) => Promise<void>
}

/**
 * Declares the tests of all golden cases of a pipeline: run by the command line in a project of its own, then compared; `proofs` by case. Their scripts run where neither lib/ nor a
 * package is.
 */
export function testGoldenCases(pipeline: string, proofs: Readonly<Record<string, Proof>> = {}): void {
  const folders = globSync('*/case.json', { cwd: join(root, 'fixtures', pipeline) })
    .map(dirname)
    .sort()
  describe.each(folders)(`${pipeline} %s`, (name) => {
    const proof = proofs[name]
    test(`delivers and loads what SQLite made of the same input${proof ? `, and ${proof.says}` : ''}`, {
      timeout: TIMEOUT_MS,
    }, async () => {
      const project = await copyProject()
      await expectCase(project, pipeline, name)
      await proof?.holds(project)
    })

    test('has the expected files that its script makes, without an engine under test', async () => {
      const project = temporaryFolder()
      const folder = join('fixtures', pipeline, name)
      for (const copied of ['package.json', 'fixtures']) await cp(join(root, copied), join(project, copied), { recursive: true })
      await rm(join(project, folder, 'expected'), { recursive: true })
      await promisify(execFile)(process.execPath, [join(project, folder, 'make-expected.ts')])
      expect(await filesUnder(join(project, folder, 'expected'))).toEqual(await filesUnder(join(root, folder, 'expected')))
    })
  })
}

/** Runs a pipeline as a case says in a project, and compares all that it delivered and loaded with the case's expected files. */
export async function expectCase(project: string, pipeline: string, name: string): Promise<void> {
  const folder = join(root, 'fixtures', pipeline, name)
  const golden = JSON.parse(await readFile(join(folder, 'case.json'), 'utf8')) as Case
  if (existsSync(join(folder, 'input'))) await cp(join(folder, 'input'), join(project, 'fixtures'), { recursive: true })
  await runPipeline(project, pipeline, golden.run)
  expect(await deliveries(project, golden.plain)).toEqual(await filesUnder(join(folder, 'expected/export')))
  expect(await warehouseTables(project)).toEqual(await filesUnder(join(folder, 'expected/load')))
}

/** A project beside the checkout, with its configuration, pipelines and fixtures, and nothing landed. */
export async function copyProject(): Promise<string> {
  const project = temporaryFolder()
  for (const name of ['millrace.config.ts', 'package.json', 'pipelines', 'fixtures'])
    await cp(join(root, name), join(project, name), { recursive: true })
  for (const name of ['lib', 'node_modules']) await symlink(join(root, name), join(project, name))
  return project
}

async function runPipeline(project: string, pipeline: string, options: readonly string[] = []): Promise<void> {
  await promisify(execFile)(process.execPath, [join(root, 'bin/millrace.js'), 'run', pipeline, ...options], { cwd: project })
}

/** The current deliveries by path, followed from each `latest.json`; a plain copy must be there where it is wanted, and nowhere else, with the same bytes. */
async function deliveries(project: string, plain: readonly string[]): Promise<Record<string, string>> {
  const store = join(project, '.millrace/dev/export')
  const found: Record<string, string> = {}
  for (const latest of globSync('**/latest.json', { cwd: store }).sort()) {
    const { manifest } = JSON.parse(await readFile(join(store, latest), 'utf8')) as { manifest: string }
    const { files } = JSON.parse(await readFile(join(store, manifest), 'utf8')) as { files: { key: string }[] }
    expect(files).toHaveLength(1)
    const path = `${dirname(latest)}.csv`
    const text = await readFile(join(store, files[0]?.key ?? ''), 'utf8')
    found[path] = text
    const copied = plain.some((beginning) => path.startsWith(beginning))
    expect(existsSync(join(store, path)), path).toBe(copied)
    if (copied) expect(await readFile(join(store, path), 'utf8'), path).toBe(text)
  }
  return found
}

async function filesUnder(folder: string): Promise<Record<string, string>> {
  const names = globSync('**/*.csv', { cwd: folder }).sort()
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)))
}

/** The tables of the pipelines as CSV, without the engine's own columns: values as DuckDB casts them to text (UTC), rows by all columns from left to right. */
async function warehouseTables(project: string): Promise<Record<string, string>> {
  const tables = await select(
    project,
    `SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND NOT starts_with(table_name, '_') ORDER BY 1`,
  )
  const found: Record<string, string> = {}
  for (const [table = ''] of tables) {
    const columns = (
      await select(
        project,
        `SELECT column_name FROM duckdb_columns() WHERE table_name = ${quoteLiteral(table ?? '')} AND column_name NOT IN ('_partition', '_load') ORDER BY column_index`,
      )
    ).map(([name]) => name ?? '')
    const own = columns.map(quoteIdentifier).join(', ')
    const rows = await select(
      project,
      `SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (SELECT ${own} FROM ${quoteIdentifier(table ?? '')} ORDER BY ALL)`,
    )
    found[`${table}.csv`] = [columns, ...rows].map((row) => `${row.map(csvField).join(',')}\n`).join('')
  }
  return found
}

/** Rows of texts of a query on a project's warehouse, opened read-only. */
export async function select(project: string, sql: string): Promise<(string | null)[][]> {
  const instance = await DuckDBInstance.create(join(project, '.millrace/dev/warehouse.duckdb'), { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  try {
    await connection.run(`SET TimeZone = 'UTC'`)
    const rows = await (await connection.runAndReadAll(sql)).getRows()
    return rows.map((row) => row.map((value) => (value === null ? null : String(value))))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

function csvField(text: string | null): string {
  if (text === null) return ''
  return text === '' || /[",\r\n]|^#/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
