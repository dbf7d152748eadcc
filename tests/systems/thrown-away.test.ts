import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { type GcsServer, startGcsServer } from '../kit/gcs-server.ts'
import type { TestProject } from '../kit/project.ts'
import { salesProjects } from '../kit/sales.ts'

// A machine that is thrown away: what outlives it is the bucket, and a warehouse that lies elsewhere.

let server: GcsServer
let local: TestProject
let machine: TestProject
beforeAll(async () => {
  server = await startGcsServer()
  const bucket = (prefix: string) => `gcs({ bucket: 'bucket', prefix: '${prefix}', apiEndpoint: '${server.url}', retries: 1 })`
  ;({ local, remote: machine } = salesProjects('gcs', bucket))
})
afterAll(async () => {
  local?.remove()
  machine?.remove()
  await server?.close()
})

/** Landed files that were asked for since the last look. */
function fetched(): string[] {
  const names = server.requests.flatMap(({ operation, name }) => (operation === 'media' && name.endsWith('.parquet') ? [name] : []))
  server.calm()
  return names
}

const remove = (name: string) => fetch(`${server.url}/storage/v1/b/bucket/o/${encodeURIComponent(name)}`, { method: 'DELETE' })

/** What has landed, by name; not what was found the same again: each machine has a source file of its own, with a time of its own. */
const landed = () =>
  server
    .names()
    .filter((name) => name.startsWith('landing/') && !name.includes('.confirmed-'))
    .sort()

/** All but the warehouse is gone. */
function throwAway(): void {
  for (const name of readdirSync(machine.path('.millrace/dev')))
    if (!name.startsWith('warehouse')) rmSync(machine.path('.millrace/dev', name), { recursive: true })
}

it('a machine fetches nothing that it has landed itself', async () => {
  expect(await machine.millrace('run', 'sales')).toMatchObject({ code: 0 })
  expect(fetched()).toEqual([])
  expect(readdirSync(machine.path('.millrace/dev/cache')).filter((name) => /^[0-9a-f]{64}-\d+$/.test(name))).toHaveLength(4)
  const again = await machine.millrace('run', 'sales')
  expect(again.stdout, again.stderr).toContain('nothing to do')
  expect(fetched()).toEqual([])
})

it('a new one finds nothing to do from the bucket alone, and reads no more than a current state needs', async () => {
  throwAway()
  const run = await machine.millrace('run', 'sales')
  expect({ code: run.code, idle: run.stdout.includes('nothing to do') }, run.stdout + run.stderr).toEqual({ code: 0, idle: true })
  expect(fetched()).toEqual([expect.stringMatching(/^landing\/sales\/customer\/_all\/000001-/)])
  throwAway()
  const status = await machine.millrace('status', 'sales', '--json')
  expect(status.stdout, status.stderr).toContain('"state": "done"')
  expect(fetched()).toEqual([])
  expect(await machine.millrace('ledger', 'rebuild')).toMatchObject({ code: 0 })
  expect(await machine.millrace('prune', 'sales')).toMatchObject({ code: 0 })
  expect((await machine.millrace('doctor')).stdout).toMatch(/cache .*0\.0 GB kept of what has landed, at most 10\.0 GB/)
  expect((await machine.millrace('config')).stdout).toContain('10.0 GB kept of what lands in a bucket')
  expect(fetched()).toEqual([])
})

it('processes of a backfill share what is kept: each fetches what it computes from, and no file is fetched twice', async () => {
  throwAway()
  for (const name of server.names()) if (name.startsWith('export/')) await remove(name)
  const run = await machine.millrace('backfill', 'sales', '--jobs', '2')
  expect(run.code, run.stdout + run.stderr).toBe(0)
  const files = fetched()
  expect(files.sort()).toEqual(landed().filter((name) => name.endsWith('.parquet')))
})

it('two machines with states of their own run at once, and what is in the bucket is that of one', async () => {
  const before = landed()
  const other = mkdtempSync(join(tmpdir(), 'millrace-other-'))
  onTestFinished(() => rmSync(other, { recursive: true }))
  cpSync(machine.folder, other, { recursive: true, filter: (path) => !path.includes('.millrace'), verbatimSymlinks: true })
  for (const name of server.names()) await remove(name)
  rmSync(machine.path('.millrace/dev'), { recursive: true })
  const run = (folder: string) => machine.millrace('run', 'sales', '--project', folder)
  const codes: (number | null)[] = []
  for (let round = 0; round < 4 && !(codes.at(-1) === 0 && codes.at(-2) === 0); round++)
    codes.push(...(await Promise.all([run(machine.folder), run(other)])).map(({ code }) => code))
  // Who was outrun says so by exit 75, and the next run of it finds the rest done.
  expect(
    codes.every((code) => code === 0 || code === 75),
    codes.join(),
  ).toBe(true)
  expect(codes.slice(-2)).toEqual([0, 0])
  expect(landed()).toEqual(before)
  expect(readdirSync(join(other, '.millrace/dev'))).toContain('cache')
})
