import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { makeProject, type TestProject } from '../kit/project.ts'
import { committed, expectNothingToSee, expectNothingWritten, reset, seenByReaders, timeFlies } from './kit.ts'

const PIPELINE = `import { contract, csv, keys, notNull, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
const rows = contract({ formulas: 'raw', columns: { id: 'int64', name: 'text' }, orderBy: ['id'] })
export default pipeline({
  name: 'api', schema, partition: keys(['north']),
  extract: { thing: source('api').get('things/{partition}', { rows: 'data', paging: { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 2, first: 0 } }) },
  transform: { named: sql\`SELECT id, name FROM thing\` },
  check: { thing: [notNull('name')] },
  load: { thing: replacePartition('thing') },
  export: { named: csv('named/{partition}.csv', { contract: rows, plain: true }) },
})
`
const SCHEMA = `export const schema = { thing: { id: 'int64', name: 'text' }, named: { id: 'int64', name: 'text' } } as const\n`
const configOf = (url: string) => `import { config, duckdb, http, local } from '#millrace'
export default config({ profiles: { dev: {
  connections: { api: http({ baseUrl: '${url}', retries: 2, timeoutMs: 1500 }) },
  warehouse: duckdb('.millrace/dev/warehouse.duckdb'), landing: local('.millrace/dev/landing'), store: local('.millrace/dev/export'),
  limits: { memory: '512MB', threads: 2 },
} } })
`
const ROWS = [1, 2, 3].map((id) => ({ id, name: `n${id}` }))

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void
const json = (response: ServerResponse, body: unknown) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
const good: Answer = (request, response) => {
  const offset = Number(new URL(request.url ?? '', 'http://h').searchParams.get('offset'))
  json(response, { data: ROWS.slice(offset, offset + 2) })
}
/** A status, then and for ever. */
const refusing =
  (status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_, response) =>
    void response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(text)

let answer: Answer = good
let requests = 0
const server = createServer((request, response) => answer(request, response, ++requests))
let url: string
let project: TestProject
let clean: object
let readers: object

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  project = makeProject({
    'millrace.config.ts': configOf(url),
    'pipelines/api/pipeline.ts': PIPELINE,
    'pipelines/api/schema.ts': SCHEMA,
  })
  const { code, error } = await millrace(project, 'run', 'api')
  expect(code, error).toBe(0)
  clean = await committed(project)
  readers = await seenByReaders(project)
  reset(project)
  requests = 0
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  project.remove()
})
afterEach(() => {
  reset(project)
  requests = 0
})

/** What the service does, the error after `failed north: api `, `<url>` for its address; the exit code, how often it was asked. */
const BAD: readonly (readonly [what: string, answer: Answer, error: string, code: number, requests: number])[] = [
  [
    'HTTP 401',
    refusing(401, 'who are you?'),
    'extract thing partition north: page 1 of GET <url>/things/north?limit=2&offset=0 was answered 401 Unauthorized: "who are you?"\n  hint: check the credentials of this connection (it sends none)',
    1,
    1,
  ],
  [
    'HTTP 404',
    refusing(404, 'no such thing'),
    'extract thing partition north: page 1 of GET <url>/things/north?limit=2&offset=0 was answered 404 Not Found: "no such thing"\n  hint: check the base URL and the path',
    1,
    1,
  ],
  [
    'HTTP 500 for ever',
    refusing(500, 'oops'),
    'extract thing partition north: page 1 of GET <url>/things/north?limit=2&offset=0 was answered 500 Internal Server Error: "oops" (tried 3 times)',
    75,
    3,
  ],
  [
    'HTTP 429 that asks for an hour',
    refusing(429, 'slow down', { 'retry-after': '3600' }),
    'extract thing partition north: page 1 of GET <url>/things/north?limit=2&offset=0 was answered 429 Too Many Requests: "slow down"\n  hint: the service asks to wait 3600 s: run again then',
    75,
    1,
  ],
  [
    'a time-out',
    () => {},
    'extract thing partition north: page 1 of GET <url>/things/north?limit=2&offset=0 timed out: nothing arrived for 1.5 s (tried 3 times)',
    75,
    3,
  ],
  [
    'HTML with 200',
    refusing(200, '<!doctype html><html><body>Log in</body></html>', { 'content-type': 'text/html' }),
    'extract thing partition north: page 1 of GET <url>/things/north?limit=2&offset=0 is not whole JSON: it is HTML; 47 bytes of text/html came: "<!doctype html><html><body>Log in</body></html>" (tried 3 times)\n  hint: it is a page for people: check the path, and whether the service wants credentials',
    75,
    3,
  ],
  [
    'JSON that ends early',
    refusing(200, '{"data":[{"id":1,"name":"n1"},{"id":2', { 'content-type': 'application/json' }),
    'extract thing partition north: page 1 of GET <url>/things/north?limit=2&offset=0 is not whole JSON: it ends early, after 37 bytes; 37 bytes of application/json came: "{\\"data\\":[{\\"id\\":1,\\"name\\":\\"n1\\"},{\\"id\\":2" (tried 3 times)',
    75,
    3,
  ],
  [
    'a page that repeats',
    (_, response) => json(response, { data: ROWS.slice(0, 2) }),
    'extract thing partition north: page repeats: page 2 of <url>/things/north?limit=2&offset=2 is page 1 again\n  hint: look up how the service pages, and say so under paging: it may not know these parameters',
    3,
    2,
  ],
  [
    'a wrong type',
    (_, response) => json(response, { data: [{ id: 'one', name: 'x' }] }),
    'land thing partition north: column "id" row 1 of <url>/things/north?limit=2&offset=0: "one" is not an int64',
    3,
    1,
  ],
  [
    'a second page that fails',
    (request, response, count) => (count === 1 ? good : refusing(403, 'enough'))(request, response, count),
    'extract thing partition north: page 2 of GET <url>/things/north?limit=2&offset=2 was answered 403 Forbidden: "enough"\n  hint: check the credentials of this connection (it sends none)',
    1,
    2,
  ],
]

const HINT = '  hint: mend the data at its source and run again with --refresh, or change the check'

describe('run refuses, commits nothing, and works when it is mended:', () => {
  it.each(BAD)('%s', async (_what, bad, error, code, asked) => {
    timeFlies()
    answer = bad
    const seen = await millrace(project, 'run', 'api')
    expect({ code: seen.code, error: seen.error.replaceAll(url, '<url>'), asked: requests }).toEqual({
      code,
      error: `failed north: api ${error}`,
      asked,
    })
    expectNothingWritten(project)
    answer = good
    const mended = await millrace(project, 'run', 'api')
    expect(mended.code, mended.error).toBe(0)
    expect(await committed(project)).toEqual(clean)
  })

  it('a key that no object has: NULL, which a check refuses', async () => {
    answer = (_, response) => json(response, { data: [{ id: 1, nome: 'x' }] })
    const bad = await millrace(project, 'run', 'api')
    expect({ code: bad.code, error: bad.error }).toEqual({
      code: 3,
      error: `failed north: api check thing partition north: notNull(name) failed for 1 of 1 rows: name=NULL id=1 (column "name")\n${HINT}`,
    })
    expectNothingToSee(project)
    answer = good
    const mended = await millrace(project, 'run', 'api', '--refresh')
    expect(mended.code, mended.error).toBe(0)
    expect(await seenByReaders(project)).toEqual(readers)
  })
})

describe('run goes on after', () => {
  it.each([
    ['HTTP 500 twice, then is fine', 2, refusing(500, 'oops'), '2 retries', undefined],
    ['HTTP 429, waiting as long as Retry-After says', 1, refusing(429, 'slow down', { 'retry-after': '7' }), '1 retry', 7000],
  ])('%s', async (_what, times, bad, retries, waitedMs) => {
    const passed = timeFlies()
    answer = (request, response, count) => (count <= times ? bad : good)(request, response, count)
    const { code, stdout } = await millrace(project, 'run', 'api')
    expect(code).toBe(0)
    expect(stdout).toContain(`, ${retries}\n`)
    if (waitedMs !== undefined) expect(passed()).toBe(waitedMs)
    expect(await committed(project)).toEqual(clean)
  })
})
