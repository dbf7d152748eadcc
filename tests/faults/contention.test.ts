import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { filesUnder } from '../kit/files-under.ts'
import { millrace, type Seen, seenOf } from '../kit/millrace.ts'
import { CHECKOUT, FILES_CONFIG, makeProject, type TestProject } from '../kit/project.ts'
import { committed, reset, timeFlies } from './kit.ts'

const pipelineOf = (name: string, more: { partition?: string; request: string; target: string; path: string }) => ({
  [`pipelines/${name}/pipeline.ts`]: `import { contract, csv, keys, pipeline, replace, replacePartition, source, sql } from '#millrace'
const columns = { id: 'int64' } as const
export default pipeline({
  name: '${name}', schema: { thing: columns, out: columns },${more.partition ?? ''}
  extract: { thing: source('api').get('${more.request}') },
  transform: { out: sql\`SELECT id FROM thing\` },
  load: { out: ${more.target} },
  export: { out: csv('${more.path}', { contract: contract({ formulas: 'raw', columns, orderBy: ['id'] }), plain: true }) },
})
`,
})
const PARTED = {
  partition: " partition: keys(['north']),",
  request: 'things/{partition}',
  target: "replacePartition('parted')",
  path: 'parted/{partition}.csv',
}
const configOf = (url: string) =>
  FILES_CONFIG.replace('files, local', 'http, local').replace("data: files('data')", `api: http({ baseUrl: '${url}' })`)

/** What the service waits for before it answers, and what it calls when it is asked. */
let gate: Promise<void> = Promise.resolve()
let whenAsked = () => {}

/** From now on the service keeps its callers waiting until `release`; `asked` resolves with the first of them. */
function holdBack(): { readonly asked: Promise<void>; readonly release: () => void } {
  const [arrival, opening] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  whenAsked = arrival.resolve
  gate = opening.promise
  return { asked: arrival.promise, release: opening.resolve }
}

const server = createServer((_, response) => {
  whenAsked()
  void gate.then(() => response.writeHead(200, { 'content-type': 'application/json' }).end('[{"id":1},{"id":2}]'))
})

let project: TestProject
const clean = new Map<string, object>()
let both: object
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  project = makeProject({
    'millrace.config.ts': configOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    ...pipelineOf('parted', PARTED),
    ...pipelineOf('whole', { request: 'things', target: "replace('whole')", path: 'whole.csv' }),
  })
  for (const name of ['parted', 'whole']) {
    const { code, error } = await millrace(project, 'run', name)
    expect(code, error).toBe(0)
    clean.set(name, await committed(project))
    if (name === 'parted') reset(project)
  }
  await millrace(project, 'run', 'parted')
  both = await committed(project)
  reset(project)
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  project.remove()
})
afterEach(() => reset(project))

/** A run in a process of its own. */
async function elsewhere(name: string): Promise<Seen> {
  const { code, stdout, stderr } = await project.millrace('run', name)
  return seenOf(project, code, stdout, stderr)
}

describe('two runs at once', () => {
  it('of one partition: one does it, the other exits 75 and later finds nothing to do', async () => {
    const { asked, release } = holdBack()
    const first = millrace(project, 'run', 'parted')
    await asked
    const second = await elsewhere('parted')
    expect({ code: second.code, error: second.error }).toEqual({
      code: 75,
      error: `failed north: parted partition north: another run is at work on pipeline "parted", partition north
  hint: wait until it has ended, then run again`,
    })
    expect(filesUnder(project, '.millrace/dev/landing')).toEqual([])
    release()
    expect((await first).code).toBe(0)
    expect(await committed(project)).toEqual(clean.get('parted'))
    expect(await elsewhere('parted')).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') })
  })

  it('of a pipeline without partitions: the other waits, finds another token than it knew, looks again, and has nothing to do', async () => {
    const { asked, release } = holdBack()
    const first = millrace(project, 'run', 'whole')
    await asked
    const second = elsewhere('whole')
    await vi.waitUntil(() => runsBegun() === 2, { timeout: 30_000 })
    release()
    expect((await first).code).toBe(0)
    expect(await second).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') })
    expect(await committed(project)).toEqual(clean.get('whole'))
  })
})

/** How many runs have read the warehouse's tokens: a run enters the ledger after that. */
function runsBegun(): number {
  const ledger = new DatabaseSync(project.path('.millrace/dev/ledger.sqlite'), { readOnly: true })
  const { n } = ledger.prepare('SELECT count(*) AS n FROM runs').get() as { n: number }
  ledger.close()
  return n
}

describe('a warehouse that another process holds', () => {
  it.each([
    ['write', 'error: '],
    ['read', 'failed north: parted load out partition north: '],
  ])('to %s is waited for, then exit 75 names file and process, and a rerun loads', async (mode, place) => {
    expect((await millrace(project, 'run', 'whole')).code).toBe(0)
    const holder = await holdWarehouse(mode)
    const passed = timeFlies()
    const bad = await millrace(project, 'run', 'parted')
    expect({ code: bad.code, error: bad.error }).toEqual({
      code: 75,
      error: `${place}the warehouse <project>/.millrace/dev/warehouse.duckdb is held by another process (pid ${holder.process.pid}, ${holder.program})
  hint: close what has it open, then run again`,
    })
    expect(passed()).toBe(60_000)
    expect(filesUnder(project, '.millrace/dev/export').filter((file) => file.startsWith('parted'))).toEqual([])
    await holder.release()
    const mended = await millrace(project, 'run', 'parted')
    expect(mended.code, mended.error).toBe(0)
    expect(await committed(project)).toEqual(both)
  })
})

/** A process that has the warehouse file open. */
async function holdWarehouse(mode: string) {
  const script = join(CHECKOUT, 'tests/connectors/duckdb/holder.ts')
  const child = spawn(process.execPath, [script, project.path('.millrace/dev/warehouse.duckdb'), mode], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const release = async () => {
    child.stdin.write('release')
    await ended
  }
  return { process: child, program: realpathSync(process.execPath), release }
}
