import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { serveQuakes } from '../../../fixtures/quakes/server.ts'
import { http } from '../../../lib/connectors/http/index.ts'
import type { HttpRequest } from '../../../lib/connectors/requests.ts'
import { ConfigError } from '../../../lib/core/errors.ts'
import { Secret } from '../../../lib/core/secret.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import { manualClock, testContext } from '../../kit/context.ts'
import { noReader } from '../../kit/no-reader.ts'
import { failure, idsOf, read, rowsOf } from './reading.ts'
import { json, type Received, serve } from './service.ts'

const OFFSET = { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 2, first: 1 } as const
const ids = (...numbers: number[]) => numbers.map((id) => ({ id }))
const between = (first: number, end: number) => ids(...Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i))

/** Rows 1 to 5, two at a time, by offset from 1. */
const five = (request: Received) => between(Number(request.query.offset), Math.min(6, Number(request.query.offset) + 2))

test('http reads page after page by offset, until one is short', async () => {
  const service = await serve((request, response) => json(response, { data: five(request) }))
  const ctx = testContext()
  const relation = await read(
    { baseUrl: `${service.url}/v1/` },
    { path: 'things', query: { q: 'a&b' }, rows: 'data', paging: OFFSET },
    {},
    ctx,
  )
  expect(await idsOf(relation)).toEqual(['1', '2', '3', '4', '5'])
  expect(service.received.map(({ path, query }) => ({ path, ...query }))).toEqual([
    { path: '/v1/things', q: 'a&b', limit: '2', offset: '1' },
    { path: '/v1/things', q: 'a&b', limit: '2', offset: '3' },
    { path: '/v1/things', q: 'a&b', limit: '2', offset: '5' },
  ])
  expect(ctx.events).toEqual([
    { type: 'progress', stage: 'extract', dataset: 'thing', rows: 2, bytes: 28 },
    { type: 'progress', stage: 'extract', dataset: 'thing', rows: 4, bytes: 56 },
    { type: 'progress', stage: 'extract', dataset: 'thing', rows: 5, bytes: 75 },
  ])
  expect(relation.bytes).toBe(75)
})

test('http sends a secret in the query as it is, also one that looks like a placeholder', async () => {
  const service = await serve((_, response) => json(response, ids(1)))
  await read(
    { baseUrl: service.url },
    { query: { key: new Secret('env:K', () => 'a{start}{b}'), plain: '{partition}' } },
    { partition: 'p' },
  )
  expect(service.received.map(({ query }) => query)).toEqual([{ key: 'a{start}{b}', plain: 'p' }])
})

test('http reads no rows from a 204 and from an empty array, and reads on to a 204', async () => {
  const none = await serve((_, response) => response.writeHead(204).end())
  const relation = await read({ baseUrl: none.url }, { rows: 'data', paging: OFFSET })
  expect(await idsOf(relation)).toEqual([])
  expect(await rowsOf(`DESCRIBE ${relation.located}`)).toMatchObject([
    { column_name: 'id', column_type: 'VARCHAR' },
    { column_name: '_file', column_type: 'VARCHAR' },
    { column_name: '_row', column_type: 'BIGINT' },
  ])
  const empty = await serve((_, response) => json(response, []))
  expect(await idsOf(await read({ baseUrl: empty.url }, {}))).toEqual([])
  const ends = await serve((request, response) =>
    request.query.offset === '1' ? json(response, ids(1, 2)) : response.writeHead(204).end(),
  )
  expect(await idsOf(await read({ baseUrl: ends.url }, { paging: OFFSET }))).toEqual(['1', '2'])
})

test('http reads by page number, by cursor and by Link header', async () => {
  const service = await serve((request, response) => {
    const page = Number(request.query.page ?? request.query.after ?? 0)
    const link = page < 2 ? { link: `</things?page=${page + 1}>; rel="next"` } : {}
    json(response, { data: between(page * 2, Math.min(5, page * 2 + 2)), meta: { next: page < 2 ? page + 1 : null } }, link)
  })
  const paged = async (paging: NonNullable<HttpRequest['paging']>) => idsOf(await read({ baseUrl: service.url }, { rows: 'data', paging }))
  const all = ['0', '1', '2', '3', '4']
  expect(await paged({ by: 'page', parameter: 'page', first: 0, sizeParameter: 'n', size: 2 })).toEqual(all)
  expect(await paged({ by: 'cursor', parameter: 'after', next: 'meta.next' })).toEqual(all)
  expect(await paged({ by: 'link' })).toEqual(all)
  expect(service.received).toHaveLength(9)
})

test('http posts a JSON body, paging inside it', async () => {
  const service = await serve((request, response) => {
    const { after = 0 } = JSON.parse(request.body)
    json(response, { data: ids(Number(after)), next: after === '2' ? '' : String(Number(after) + 1) })
  })
  const window = { start: new Date('2018-02-04T00:00:00Z'), end: new Date('2018-02-05T00:00:00Z') }
  const request: Partial<HttpRequest> = {
    method: 'POST',
    body: { from: '{start}', kinds: ['a'] },
    rows: 'data',
    paging: { by: 'cursor', parameter: 'after', next: 'next' },
  }
  expect(await idsOf(await read({ baseUrl: service.url }, request, { window }))).toEqual(['0', '1', '2'])
  expect(service.received.map(({ method, headers, body }) => [method, headers['content-type'], JSON.parse(body)])).toEqual([
    ['POST', 'application/json', { from: '2018-02-04T00:00:00Z', kinds: ['a'] }],
    ['POST', 'application/json', { from: '2018-02-04T00:00:00Z', kinds: ['a'], after: '1' }],
    ['POST', 'application/json', { from: '2018-02-04T00:00:00Z', kinds: ['a'], after: '2' }],
  ])
})

test('http tells the pages of a POST apart by page and parent', async () => {
  const service = await serve((request, response) => json(response, ids(JSON.parse(request.body).p, 10 + JSON.parse(request.body).p)))
  const request: Partial<HttpRequest> = {
    method: 'POST',
    body: { who: '{k}' },
    each: { parent: 'x', column: 'k' },
    paging: { by: 'page', parameter: 'p', first: 0, size: 3 },
  }
  const relation = await read({ baseUrl: service.url }, request, { parents: ['a', 'b'] })
  const rows = await rowsOf(`SELECT DISTINCT _file FROM (${relation.located}) ORDER BY ALL`)
  expect(rows.map((row) => row._file)).toEqual([`${service.url}/things page 1 for k "a"`, `${service.url}/things page 1 for k "b"`])
})

test('http fills window, partition and cursor, and leaves a cursor’s parameter out while there is none', async () => {
  const service = await serve((_, response) => json(response, []))
  const query = { from: '{start}', to: '{end}', since: '{cursor}', n: 5, all: true }
  const window = { start: new Date('2018-02-04T00:00:00Z'), end: new Date('2018-02-05T00:00:00Z') }
  const path = '/days/{partition}'
  await read({ baseUrl: service.url }, { path, query }, { window, partition: '2018-02-04' })
  await read(
    { baseUrl: service.url },
    { path, query },
    { window, partition: 'a/b', cursor: { column: 'at', from: '2018-02-04 10:00:00+00' } },
  )
  expect(service.received.map(({ path, query }) => [path, query])).toEqual([
    ['/days/2018-02-04', { from: '2018-02-04T00:00:00Z', to: '2018-02-05T00:00:00Z', n: '5', all: 'true' }],
    ['/days/a%2Fb', { from: '2018-02-04T00:00:00Z', to: '2018-02-05T00:00:00Z', since: '2018-02-04T10:00:00Z', n: '5', all: 'true' }],
  ])
})

test('http asks once for each parent row, pages each, and adds the parent’s value', async () => {
  let [running, most] = [0, 0]
  const service = await serve(async (request, response) => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 5))
    running--
    const parent = decodeURIComponent(request.path.split('/')[2] ?? '')
    json(response, parent === 'none' ? [] : five(request).map((row) => ({ ...row, parent })))
  })
  const parents = ['a', 'b/c', 'none', 'd e', '7', 'x']
  const relation = await read(
    { baseUrl: service.url, rate: { concurrency: 3 } },
    { path: '/repos/{name}/things', paging: OFFSET, each: { parent: 'repo', column: 'name' } },
    { parents, columns: { id: 'int64', parent_name: 'text', parent: 'text' } },
  )
  const rows = await rowsOf(`SELECT parent_name, parent, count(*) AS n, max(id) AS last FROM (${relation.sql}) GROUP BY ALL ORDER BY ALL`)
  expect(rows).toEqual(['7', 'a', 'b/c', 'd e', 'x'].map((name) => ({ parent_name: name, parent: name, n: '5', last: '5' })))
  expect(most).toBe(3)
  const located = await rowsOf(`SELECT * FROM (${relation.located}) WHERE parent_name = 'b/c' AND id = '4'`)
  expect(located).toEqual([
    { id: '4', parent_name: 'b/c', parent: 'b/c', _file: `${service.url}/repos/b%2Fc/things?limit=2&offset=3`, _row: '2' },
  ])
})

test('http asks nothing when there are no parents, and stops all when one fails', async () => {
  const service = await serve((request, response) => {
    if (request.path.startsWith('/1')) response.writeHead(404).end()
    else setTimeout(() => json(response, ids(1)), 50)
  })
  const request: Partial<HttpRequest> = { path: '/{k}/x', each: { parent: 'p', column: 'k' } }
  expect(await idsOf(await read({ baseUrl: service.url }, request, { parents: [] }))).toEqual([])
  expect(service.received).toHaveLength(0)
  const ctx = testContext()
  const error = await failure(
    ctx,
    read({ baseUrl: service.url, rate: { concurrency: 2 } }, request, { parents: ['0', '1', '2', '3', '4', '5'] }, ctx),
  )
  expect(error).toMatchObject({ message: `page 1 of GET ${service.url}/1/x was answered 404 Not Found`, exitCode: 1 })
  expect(service.received.length).toBeLessThanOrEqual(3)
  const without = testContext()
  expect(await failure(without, read({ baseUrl: service.url }, request, {}, without))).toMatchObject({
    constructor: ConfigError,
    message: 'a request for each row of "p" needs that dataset\'s rows',
  })
})

test('http spaces its requests on the clock', async () => {
  const service = await serve((request, response) => json(response, five(request)))
  const clock = manualClock()
  await read({ baseUrl: service.url, rate: { perSecond: 4 } }, { paging: OFFSET }, {}, testContext({ clock }))
  expect(clock.slept).toEqual([250, 250])
})

const TYPED =
  '{"d":[{"id":1,"whole":1.5,"t":"007","n":null,"s":{"a":1,"b":["x",null]},"l":[1,2],"j":{"k":[1,"2"]}},{"id":2,"t":8,"s":{"a":2,"c":0},"j":"q"}]}'
const COLUMNS = {
  id: 'int64',
  whole: 'int32',
  t: 'text',
  n: 'date',
  s: 'struct(a int64, b list(text))',
  l: 'list(int64)',
  j: 'json',
  gone: 'float64',
}

test.each<[string, Partial<HttpRequest>, string]>([
  ['at a path', { rows: 'd' }, TYPED],
  ['at a deep path', { rows: 'x.d' }, `{"x":${TYPED},"d":1}`],
  ['as the body', {}, TYPED.slice(5, -1)],
  [
    'as lines',
    { format: 'ndjson' },
    JSON.parse(TYPED)
      .d.map((row: unknown) => `${JSON.stringify(row)}\n`)
      .join(''),
  ],
  ['after a byte-order mark', { rows: 'd' }, `\uFEFF${TYPED}`],
])('http gives rows %s as text, never guessed or rounded, lists and structs in shape', async (_name, request, body) => {
  const service = await serve((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(body))
  const relation = await read({ baseUrl: service.url }, request, { columns: COLUMNS })
  expect(relation.raw).toEqual({
    id: 'text',
    whole: 'text',
    t: 'text',
    n: 'text',
    s: 'struct(a text, b list(text))',
    l: 'list(text)',
    j: 'json',
    gone: 'text',
  })
  expect(await rowsOf(relation.sql)).toEqual([
    { id: '1', whole: '1.5', t: '007', n: null, s: "{'a': '1', 'b': ['x', NULL]}", l: "['1', '2']", j: '{"k":[1,"2"]}', gone: null },
    { id: '2', whole: null, t: '8', n: null, s: "{'a': '2', 'b': NULL}", l: null, j: '"q"', gone: null },
  ])
  expect(await rowsOf(`SELECT id, _file, _row FROM (${relation.located}) ORDER BY _row`)).toEqual([
    { id: '1', _file: `${service.url}/things`, _row: '1' },
    { id: '2', _file: `${service.url}/things`, _row: '2' },
  ])
})

test('http reads columns whose names need quoting', async () => {
  const rows = [{ 'a b': 1, 'it\'s "x"': 2, select: 3, ä: 4 }]
  const service = await serve((_, response) => json(response, { "da'ta": rows }))
  const columns = { 'a b': 'int64', 'it\'s "x"': 'int64', select: 'int64', ä: 'int64' }
  const relation = await read({ baseUrl: service.url }, { rows: "da'ta" }, { columns })
  expect(await rowsOf(relation.sql)).toEqual([{ 'a b': '1', 'it\'s "x"': '2', select: '3', ä: '4' }])
})

test('http starts its service at the first read and closes it with the source', async () => {
  const log: string[] = []
  const start = async () => {
    log.push('start')
    const server = await serveQuakes()
    return { url: `${server.url}/fdsnws/event/1`, close: () => server.close().then(() => void log.push('close')) }
  }
  const connection = http({ start })
  expect(connection.settings).toEqual({ baseUrl: 'started at the first request' })
  const source = connection.openSource({ reader: noReader, extensions: NO_EXTENSIONS })
  expect(log).toEqual([])
  const request: HttpRequest = {
    method: 'GET',
    path: '/query',
    query: { format: 'geojson', starttime: '{start}', endtime: '{end}', orderby: 'time-asc' },
    rows: 'features',
    paging: { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 100, first: 1 },
  }
  const window = { start: new Date('2018-02-04T00:00:00Z'), end: new Date('2018-02-05T00:00:00Z') }
  const columns = { id: 'text', properties: 'struct(mag float64, time int64)', geometry: 'struct(coordinates list(float64))' }
  const relations = await Promise.all([1, 2].map(() => source.read({ dataset: 'quake', columns, request, window }, testContext())))
  for (const relation of relations)
    expect(
      await rowsOf(
        `SELECT count(DISTINCT id) AS n, min(properties.time::BIGINT) AS first, count(geometry.coordinates[3]) AS deep FROM (${relation.sql})`,
      ),
    ).toEqual([{ n: '301', first: String(Date.parse('2018-02-04T00:01:28.020Z')), deep: '301' }])
  expect(log).toEqual(['start'])
  await source.close()
  expect(log).toEqual(['start', 'close'])
  await source.close()
  expect(log).toEqual(['start', 'close'])
})

test('http says that its service did not start', async () => {
  const ctx = testContext()
  const start = () => Promise.reject(new Error('no port'))
  expect(await failure(ctx, read({ start }, {}, {}, ctx))).toMatchObject({
    name: 'TransientError',
    message: 'the service of this connection did not start: no port',
  })
})

test.each([
  [{}, 'http needs a baseUrl, or start'],
  [{ baseUrl: 'http://a', start: () => Promise.reject() }, 'http takes baseUrl or start, not both'],
  [{ baseUrl: 'api.example' }, 'baseUrl "api.example" of http is not an http or https URL'],
  [{ baseUrl: 'ftp://a.example' }, 'baseUrl "ftp://a.example" of http is not an http or https URL'],
  [{ baseUrl: 'https://u:hidden@a.example' }, 'baseUrl of http holds credentials'],
  [{ baseUrl: 'htps://u:hidden@a.example' }, 'baseUrl "htps://…@a.example" of http is not an http or https URL'],
  [
    { baseUrl: 'http://a', auth: { oauth2: { tokenUrl: '/token', clientId: 'a', clientSecret: 'b' } } },
    'tokenUrl "/token" of http is not an http or https URL',
  ],
  [{ baseUrl: 'http://a', rate: { perSecond: 0 } }, 'rate.perSecond 0 of http must be above 0'],
  [{ baseUrl: 'http://a', rate: { concurrency: 1.5 } }, 'rate.concurrency 1.5 of http must be a whole number of at least 1'],
  [{ baseUrl: 'http://a', retries: -1 }, 'retries -1 of http must be a whole number of at least 0'],
])('http refuses settings that cannot be: %j', (options, message) => {
  expect(() => http(options)).toThrow(expect.objectContaining({ constructor: ConfigError, message, exitCode: 2 }))
})

test('http reads CSV bodies, by name, whatever the order of columns in a page', async () => {
  const pages = ['id,t,n\n1,"a, ""b""\nc",NA\n2,,5\n', 't,id,n\n"NA",3,NA\n']
  const service = await serve((request, response) =>
    response.writeHead(200, { 'content-type': 'text/csv' }).end(pages[Number(request.query.page)]),
  )
  const request: Partial<HttpRequest> = {
    format: 'csv',
    csv: { nulls: ['NA'] },
    paging: { by: 'page', parameter: 'page', first: 0, size: 2 },
  }
  const relation = await read({ baseUrl: service.url }, request, { columns: { n: 'int64', id: 'int64', t: 'text' } })
  expect(relation.raw).toEqual({ n: 'text', id: 'text', t: 'text' })
  expect(await rowsOf(relation.located)).toEqual([
    { n: null, id: '1', t: 'a, "b"\nc', _file: `${service.url}/things?page=0`, _row: '1' },
    { n: '5', id: '2', t: '', _file: `${service.url}/things?page=0`, _row: '2' },
    { n: null, id: '3', t: 'NA', _file: `${service.url}/things?page=1`, _row: '1' },
  ])
})

test.each<[string, HttpRequest['csv'], Buffer]>([
  ['semicolons and no header', { delimiter: ';', header: false }, Buffer.from('1;é\n')],
  ['tabs', { format: 'tsv' }, Buffer.from('id\tt\n1\té\n')],
  ['Latin-1', { encoding: 'latin-1' }, Buffer.from('id,t\n1,é\n', 'latin1')],
  ['UTF-16 with a mark', { encoding: 'utf-16' }, Buffer.from('\uFEFFid,t\n1,é\n', 'utf16le')],
  ['big-endian UTF-16', { encoding: 'utf-16' }, Buffer.from('\uFEFFid,t\n1,é\n', 'utf16le').swap16()],
  ['a packed file', { compression: 'gzip' }, gzipSync('\uFEFFid,t\n1,é\n')],
  ['a packed file of several frames', { compression: 'zstd' }, Buffer.concat([zstdCompressSync('id,t\n'), zstdCompressSync('1,é\n')])],
  ['a packed Latin-1 file', { compression: 'zstd', encoding: 'latin-1' }, zstdCompressSync(Buffer.from('id,t\n1,é\n', 'latin1'))],
])('http reads CSV with %s', async (_name, csv, body) => {
  const service = await serve((_, response) => response.writeHead(200, { 'content-length': body.length }).end(body))
  const relation = await read({ baseUrl: service.url }, { format: 'csv', ...(csv && { csv }) }, { columns: { id: 'int64', t: 'text' } })
  expect(await rowsOf(relation.sql)).toEqual([{ id: '1', t: 'é' }])
})

test('http names the CSV page that lacks a column', async () => {
  const service = await serve((_, response) => response.end('id,t\n1,x\n'))
  const ctx = testContext()
  const request: Partial<HttpRequest> = { format: 'csv' }
  expect(await failure(ctx, read({ baseUrl: service.url }, request, { columns: { id: 'int64', gone: 'text' } }, ctx))).toMatchObject({
    name: 'CheckError',
    message: `${service.url}/things has no column "gone"; it has "id", "t"`,
    exitCode: 3,
    place: { dataset: 'thing', column: 'gone' },
  })
})

test('http takes JSON that the service calls text/html', async () => {
  const service = await serve((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('[{"id":1}]'))
  expect(await idsOf(await read({ baseUrl: service.url }, {}))).toEqual(['1'])
})

test('http asks for each parent also where the parent’s column is all that is declared', async () => {
  const service = await serve((_, response) => json(response, ids(1, 2)))
  const request: Partial<HttpRequest> = { path: '/{k}', each: { parent: 'p', column: 'k' } }
  const relation = await read({ baseUrl: service.url }, request, { parents: ['a', 'b'], columns: { parent_k: 'text' } })
  expect((await rowsOf(`FROM (${relation.sql}) ORDER BY ALL`)).map((row) => row.parent_k)).toEqual(['a', 'a', 'b', 'b'])
})
