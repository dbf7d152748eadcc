import { readdirSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { serveQuakes } from '../../../fixtures/quakes/server.ts'
import { http } from '../../../lib/connectors/http/index.ts'
import type { HttpRequest } from '../../../lib/connectors/requests.ts'
import type { Read } from '../../../lib/connectors/source.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { openReader } from '../../../lib/engines/reader.ts'
import { type TestContext, temporaryFolder, testContext } from '../../kit/context.ts'
import { failure } from './reading.ts'
import { json, serve } from './service.ts'

async function describe(ctx: TestContext, url: string, request: Partial<HttpRequest>, more: Partial<Read> = {}) {
  const reader = openReader({ limits: ctx.limits, zone: 'UTC', temp: temporaryFolder() })
  onTestFinished(() => reader.close())
  const source = http({ baseUrl: url }).openSource({ reader, extensions: NO_EXTENSIONS })
  return source.describe({ dataset: 'thing', request: { method: 'GET', path: '/things', ...request }, ...more }, ctx)
}

test('describe looks at one page of the quakes', async () => {
  const quakes = await serveQuakes()
  onTestFinished(() => quakes.close())
  const ctx = testContext()
  const columns = await describe(ctx, quakes.url, {
    path: '/fdsnws/event/1/query',
    query: { format: 'geojson' },
    rows: 'features',
    paging: { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 500, first: 1 },
  })
  expect(Object.keys(columns)).toEqual(['type', 'properties', 'geometry', 'id'])
  expect(columns).toMatchObject({ id: 'text', geometry: 'struct(type text, coordinates list(float64))' })
  expect(columns.properties).toMatch(/^struct\(mag float64, place text, time int64, updated int64, tz int64, url text, /)
  expect(ctx.events).toMatchObject([{ type: 'progress', rows: 500 }])
})

test.each<[string, Partial<HttpRequest>, string]>([
  ['at a path', { rows: 'data.items' }, '{"data":{"items":ROWS}}'],
  ['as the body', {}, 'ROWS'],
  ['as lines', { format: 'ndjson' }, 'LINES'],
])('describe finds the types of rows %s', async (_name, request, body) => {
  const rows = [
    { id: -1, at: '2018-02-04T10:00:00Z', day: '2018-02-04', none: null, s: { a: 1, b: [1, 2.5] }, code: '007', some: 1 },
    { id: 2.5, s: { c: 'x' }, flag: true, list: [], some: 'x', 'a b': 18446744073709551615n.toString() },
  ]
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  const service = await serve((_, response) => response.end(body.replace('ROWS', JSON.stringify(rows)).replace('LINES', lines)))
  const ctx = testContext()
  expect(await describe(ctx, service.url, request)).toEqual({
    id: 'float64',
    at: 'timestamp',
    day: 'date',
    none: 'json',
    s: 'struct(a int64, b list(float64), c text)',
    code: 'text',
    some: 'json',
    flag: 'boolean',
    list: 'list(json)',
    'a b': 'text',
  })
})

test('describe adds the parent’s column, asks for one parent only, and leaves no file', async () => {
  const service = await serve((_, response) => json(response, [{ id: 1 }]))
  const ctx = testContext()
  const columns = await describe(ctx, service.url, { path: '/{k}', each: { parent: 'p', column: 'k' } }, { parents: ['a', 'b'] })
  expect(columns).toEqual({ id: 'int64', parent_k: 'text' })
  expect(service.received).toHaveLength(1)
  expect(readdirSync(ctx.workspace)).toEqual([])
})

test('describe says that there is no row to look at', async () => {
  const service = await serve((_, response) => response.writeHead(204).end())
  const ctx = testContext()
  expect(await failure(ctx, describe(ctx, service.url, {}))).toMatchObject({
    name: 'CheckError',
    message: 'the service gave no row, so its columns cannot be told',
    exitCode: 3,
    place: { stage: 'extract', dataset: 'thing' },
  })
})

test('describe finds the types of CSV', async () => {
  const service = await serve((_, response) => response.end('id;at;t;n\n1;2018-02-04;"x;y";NA\n-2;2018-02-05;;1.5\n'))
  const ctx = testContext()
  const request: Partial<HttpRequest> = { format: 'csv', csv: { delimiter: ';', nulls: ['', 'NA'] } }
  expect(await describe(ctx, service.url, request)).toEqual({ id: 'int64', at: 'date', t: 'text', n: 'float64' })
})
