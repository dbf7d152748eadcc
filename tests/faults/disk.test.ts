import { once } from 'node:events'
import { cpSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { filesUnder } from '../kit/files-under.ts'
import { makeProject, type TestProject } from '../kit/project.ts'
import { onSmallDisk } from '../kit/small-disk.ts'
import { APART_CONFIG, committedApart, reset, settled } from './kit.ts'

const HEAD = `import { contract, csv, pipeline, replace, source, sql } from '#millrace'
const columns = { id: 'int64', text: 'text' } as const
const schema = { line: columns, twice: columns } as const
`
const SQL = 'sql`SELECT id, text || upper(text) AS text FROM line`'
const FRAME = "({ line }) => line.withColumns(pl.concatString([pl.col('text'), pl.col('text').str.toUpperCase()], '').alias('text'))"
const pipelineOf = (name: string, more: { source?: string; step?: string; targets?: string }) => ({
  [`pipelines/${name}/pipeline.ts`]: `${HEAD}${more.step ? "import pl from 'nodejs-polars'\n" : ''}export default pipeline({
  name: '${name}', schema,
  extract: { line: ${more.source ?? "source('data').files('in.csv')"} },
  transform: { twice: ${more.step ?? SQL} },
  load: { twice: replace('twice') },
  export: { twice: csv('twice.csv', { contract: contract({ formulas: 'raw', columns, orderBy: ['id'] }), plain: true }) },
})
`,
})
const PIPELINES = {
  ...pipelineOf('sql', {}),
  ...pipelineOf('frame', { step: FRAME }),
  ...pipelineOf('page', { source: "source('api').get('', { format: 'csv' })" }),
}
/** With a service. */
const configOf = (url: string) =>
  APART_CONFIG.replace('local }', 'http, local }').replace('connections: {', `connections: { api: http({ baseUrl: '${url}' }),`)

/** 2,000 rows, 0.5 MB that pack badly: half of it as Parquet. */
function csvOfNoise(): string {
  let state = 1
  const word = () => {
    state = (state * 48_271) % 2_147_483_647
    return state.toString(36).padStart(6, '0')
  }
  return `id,text\n${Array.from({ length: 2000 }, (_, id) => `${id},${Array.from({ length: 40 }, word).join('')}\n`).join('')}`
}

const FREE = 'hint: free some space, then run again: what was committed stays'

/** A pipeline, a folder of its profile, a size that does not do; the error after the pipeline's name; what is left in the folder. */
const FULL: readonly (readonly [pipeline: string, folder: string, size: string, error: string, left: readonly string[]])[] = [
  [
    'sql',
    'landing',
    '128k',
    `land line: the disk is full: <project>/.millrace/dev/landing/sql/line/_all/<object>.parquet (ENOSPC)\n  ${FREE}`,
    [],
  ],
  [
    'sql',
    'warehouse',
    '600k',
    'load twice: no space for the warehouse <project>/.millrace/dev/warehouse/w.duckdb (No space left on device)\n  hint: make room, then run again: nothing was loaded',
    ['w.duckdb', 'w.duckdb.wal'],
  ],
  [
    'sql',
    'export',
    '512k',
    `export twice twice.csv: the disk is full: <project>/.millrace/dev/export/_tmp/<run>/<object>.csv (ENOSPC)\n  ${FREE}`,
    [],
  ],
  [
    'page',
    'workspace',
    '256k',
    `extract line: the disk is full: <project>/.millrace/dev/workspace/<run>/http-<random>/000000-000001.csv (ENOSPC)\n  ${FREE}`,
    ['_turn.lock'],
  ],
  [
    'sql',
    'workspace',
    '128k',
    `land line: the disk is full: <project>/.millrace/dev/workspace/<run>/land/<random>/read.parquet (No space left on device)\n  ${FREE}`,
    ['_turn.lock'],
  ],
  [
    'sql',
    'workspace',
    '420k',
    `transform twice: the disk is full: <project>/.millrace/dev/workspace/<run>/transform-<random>/1-twice.parquet (No space left on device)\n  ${FREE}`,
    ['_turn.lock'],
  ],
  ['frame', 'workspace', '420k', `transform twice: the disk of the run's workspace is full (ENOSPC)\n  ${FREE}`, ['_turn.lock']],
]

const CSV = csvOfNoise()
const server = createServer((_, response) => void response.end(CSV))
let project: TestProject
const clean = new Map<string, object>()
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const config = configOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  project = makeProject({ 'millrace.config.ts': config, 'data/in.csv': CSV, ...PIPELINES })
  for (const name of ['sql', 'frame', 'page']) {
    // A process, since the code of a frame is another after Vite's transform.
    const { code, stdout } = await project.millrace('run', name)
    expect(code, stdout).toBe(0)
    clean.set(name, await committedApart(project))
    reset(project)
  }
})
afterAll(() => {
  server.close()
  project.remove()
})
afterEach(() => reset(project))

/** The rows that the failed run left in the warehouse, tokens and all. */
async function loadedInVain(): Promise<readonly (readonly (string | null)[])[]> {
  const file = project.path('.millrace/dev/warehouse.duckdb')
  for (const end of ['', '.wal']) cpSync(project.path(`out/left/w.duckdb${end}`), `${file}${end}`)
  const found = await project.warehouse('SELECT table_name, estimated_size FROM duckdb_tables()')
  for (const end of ['', '.wal']) rmSync(`${file}${end}`, { force: true })
  return found
}

describe('a full disk', () => {
  it.each(FULL)('stops %s under %s (%s) with nothing half-written; with room it works', async (name, folder, size, error, left) => {
    const { full, roomy } = await onSmallDisk(project, { folder, size }, 'run', name)
    expect({ code: full.code, error: settled(full.error), left: filesUnder(project, 'out/left') }).toEqual({
      code: 1,
      error: `failed shared datasets: ${name} ${error}`,
      left,
    })
    if (folder === 'warehouse') expect(await loadedInVain()).toEqual([['_millrace_tokens', '0']])
    expect(roomy.code, roomy.error).toBe(0)
    expect(await committedApart(project)).toEqual(clean.get(name))
  })
})
