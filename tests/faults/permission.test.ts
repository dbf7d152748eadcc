import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { filesUnder } from '../kit/files-under.ts'
import { type Seen, seenOf } from '../kit/millrace.ts'
import { CHECKOUT, command, makeProject, type TestProject } from '../kit/project.ts'
import { APART_CONFIG, committedApart, expectNothingWritten, reset, settled } from './kit.ts'

const PIPELINE = `import { contract, csv, pipeline, replace, source, sql } from '#millrace'
const columns = { id: 'int64' } as const
export default pipeline({
  name: 'p', schema: { line: columns, out: columns },
  extract: { line: source('data').files('in.csv') },
  transform: { out: sql\`SELECT id FROM line\` },
  load: { out: replace('out') },
  export: { out: csv('out.csv', { contract: contract({ formulas: 'raw', columns, orderBy: ['id'] }), plain: true }) },
})
`

const HINT = 'hint: give the user that runs millrace the right to read and write there'

/** A folder of the project that may be entered but not written, and the whole error. */
const LOCKED: readonly (readonly [what: string, folder: string, error: string])[] = [
  [
    'landing zone',
    '.millrace/dev/landing',
    `failed shared datasets: p land line: permission denied: <project>/.millrace/dev/landing/p/line/_all/<object>.parquet (EACCES)\n  ${HINT}`,
  ],
  [
    'warehouse’s folder',
    '.millrace/dev/warehouse',
    `failed shared datasets: p load out: permission denied: <project>/.millrace/dev/warehouse/w.duckdb (Permission denied)\n  ${HINT}`,
  ],
  [
    'store',
    '.millrace/dev/export',
    `failed shared datasets: p export out out.csv: permission denied: <project>/.millrace/dev/export/out/<object>.csv (EACCES)\n  ${HINT}`,
  ],
  ['profile’s folder', '.millrace/dev', `error: permission denied: <project>/.millrace/dev/workspace (EACCES)\n  ${HINT}`],
]

const NOBODY = 65_534
const root = process.getuid?.() === 0

let project: TestProject
let clean: object
beforeAll(async () => {
  project = makeProject({ 'millrace.config.ts': APART_CONFIG, 'data/in.csv': 'id\n1\n', 'pipelines/p/pipeline.ts': PIPELINE })
  give(project.folder)
  const { code, error } = await run()
  expect(code, error).toBe(0)
  clean = await committedApart(project)
  reset(project)
})
afterAll(() => project.remove())
afterEach(() => reset(project))

/** Makes a folder with all in it nobody's, where root runs the tests: root may write anywhere. */
function give(folder: string): void {
  if (!root) return
  for (const path of [folder, ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))])
    if (!path.includes('/node_modules') && !path.includes('/lib')) chownSync(path, NOBODY, NOBODY)
}

/** Runs the pipeline as somebody who is not root. */
async function run(): Promise<Seen> {
  const drop = root ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : []
  const args = [...drop, process.execPath, `${CHECKOUT}/bin/millrace.js`, 'run', 'p']
  const { code, stdout, stderr } = await command('setpriv', args, project.folder, { MILLRACE_LOG: 'off', HOME: project.folder })
  return seenOf(project, code, stdout, stderr)
}

describe('without the right to write to', () => {
  it.each(LOCKED)('the %s, a run says so and writes nothing there; with it, it works', async (_what, name, error) => {
    const folder = project.path(name)
    mkdirSync(folder, { recursive: true })
    // An empty folder would be removed, and made again.
    writeFileSync(join(folder, 'readme'), '')
    give(project.path('.millrace'))
    chmodSync(folder, 0o555)
    const bad = await run()
    chmodSync(folder, 0o755)
    expect({ code: bad.code, error: settled(bad.error), left: filesUnder(project, name) }).toEqual({ code: 1, error, left: ['readme'] })
    rmSync(join(folder, 'readme'))
    const mended = await run()
    expect(mended.code, mended.error).toBe(0)
    expect(await committedApart(project)).toEqual(clean)
  })
})

it('without the right to read a source, a run says so and lands nothing; with it, it works', async () => {
  mkdirSync(project.path('.millrace'))
  give(project.path('.millrace'))
  chmodSync(project.path('data/in.csv'), 0)
  const bad = await run()
  chmodSync(project.path('data/in.csv'), 0o644)
  expect({ code: bad.code, error: bad.error }).toEqual({
    code: 1,
    error: `failed shared datasets: p extract line: permission denied: <project>/data/in.csv (EACCES)\n  ${HINT}`,
  })
  expectNothingWritten(project)
  const mended = await run()
  expect(mended.code, mended.error).toBe(0)
  expect(await committedApart(project)).toEqual(clean)
})
