import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type GcsServer, startGcsServer } from '../../kit/gcs-server.ts'
import type { TestProject } from '../../kit/project.ts'
import { PLAIN, salesProjects } from '../../kit/sales.ts'
import { expectGuarded } from './kit.ts'

let server: GcsServer
let local: TestProject
let remote: TestProject
beforeAll(async () => {
  server = await startGcsServer()
  const bucket = (prefix: string) => `gcs({ bucket: 'bucket', prefix: '${prefix}', apiEndpoint: '${server.url}', retries: 1 })`
  ;({ local, remote } = salesProjects('gcs', bucket))
})
afterAll(async () => {
  local?.remove()
  remote?.remove()
  await server?.close()
})

const download = async (name: string) => (await fetch(`${server.url}/storage/v1/b/bucket/o/${encodeURIComponent(name)}?alt=media`)).text()

it('a run ends with exit 75 while the bucket is away, and is brought to its end by the next one', async () => {
  server.fail({ on: 'rewrite', times: 99, fault: { kind: 'status', status: 503 } })
  const failed = await remote.millrace('run', 'sales')
  expect(failed.code).toBe(75)
  expect(failed.stdout).toMatch(
    /sales export daily daily\/{partition}.csv partition 2024-01-01: cannot copy gs:\/\/bucket\/export\/daily\/\S+ to gs:\/\/bucket\/export\/daily\/\S+: Cloud Storage answered 503/,
  )
  expect(failed.stdout).toContain('run again later')
  server.calm()
  expect(await remote.millrace('run', 'sales')).toMatchObject({ code: 0 })
  expectGuarded(server.requests)
})

it('landing and delivering in a bucket gives what a local disk gives', async () => {
  expect(await local.millrace('run', 'sales')).toMatchObject({ code: 0 })
  for (const path of PLAIN) expect(await download(`export/${path}`)).toBe(readFileSync(local.path('.millrace/dev/export', path), 'utf8'))
  const query = 'SELECT * EXCLUDE (_load) FROM daily ORDER BY ALL'
  expect(await remote.warehouse(query)).toEqual(await local.warehouse(query))
  expect(server.names().filter((name) => name.includes('.millrace-tmp/'))).toEqual([])
})

it('the next run finds that everything is up to date', async () => {
  const again = await remote.millrace('run', 'sales')
  expect(again.code).toBe(0)
  expect(again.stdout).toContain('nothing to do')
})
