import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scannerOf } from '../../../lib/connectors/http/scan.ts'
import type { BodyFacts } from '../../../lib/connectors/http/scanner.ts'
import type { HttpRequest } from '../../../lib/connectors/requests.ts'

function scan(body: string | Uint8Array, request: Partial<HttpRequest> = {}, chunkBytes = Number.POSITIVE_INFINITY): BodyFacts {
  const scanner = scannerOf({ method: 'GET', path: '/', ...request })
  const bytes = Buffer.from(body)
  for (let i = 0; i < bytes.length; i += chunkBytes) scanner.feed(bytes.subarray(i, i + chunkBytes))
  return scanner.end()
}

const byCursor = (next: string, rows?: string): Partial<HttpRequest> => ({
  paging: { by: 'cursor', parameter: 'after', next },
  ...(rows !== undefined && { rows }),
})

test.each<[string, Partial<HttpRequest>, number]>([
  ['[]', {}, 0],
  [' [ {} , {"a":[1,{"b":2}]} ]\n', {}, 2],
  ['{"data":{"items":[{"items":[{},{}]},{}]},"items":[{}]}', { rows: 'data.items' }, 2],
  ['{"items":{"items":[{},{},{}]}}', { rows: 'items.items' }, 3],
  ['{"\\u0061\\"b":[{}]}', { rows: 'a"b' }, 1],
  ['{"a":1}\n{"a":"}{"}\n', { format: 'ndjson' }, 2],
  ['{"a":1}\n{"a":2}', { format: 'ndjson' }, 2],
  ['', { format: 'ndjson' }, 0],
  ['a,b\n1,"x\ny"\n\n2,z', { format: 'csv' }, 2],
  ['a,b\r\n1,2\r\n', { format: 'csv' }, 1],
  ['1,2\n3,4\n', { format: 'csv', csv: { header: false } }, 2],
  ['a,b\n', { format: 'csv' }, 0],
])('scannerOf counts the rows of %j', (body, request, rows) => {
  for (const chunkBytes of [1, 2, 3, 7, 1000]) expect(scan(body, request, chunkBytes)).toMatchObject({ rows })
  expect(scan(body, request).problem).toBeUndefined()
})

test.each<[string, string | undefined]>([
  ['{"next":"a\\u00e9\\"b","data":[]}', 'aé"b'],
  ['{"data":[{"next":"no"}],"next":12345678901234567890}', '12345678901234567890'],
  ['{"data":[],"next":null}', undefined],
  ['{"data":[],"next":""}', undefined],
  ['{"data":[]}', undefined],
])('scannerOf finds the next cursor of %s', (body, next) => {
  for (const chunkBytes of [1, 3, 1000]) expect(scan(body, byCursor('next', 'data'), chunkBytes).next).toBe(next)
})

test('scannerOf finds a nested cursor, and not one of its name elsewhere', () => {
  const body = '{"next":"x","links":[{"next":"y"}],"meta":{"links":{"next":"z"}},"data":[{}]}'
  expect(scan(body, byCursor('meta.links.next', 'data'), 5)).toMatchObject({ next: 'z', rows: 1 })
  expect(scan(body, byCursor('links.next', 'data')).next).toBeUndefined()
})

test.each<[string, Partial<HttpRequest>, string]>([
  ['', {}, 'it is empty'],
  ['  \n', {}, 'it is empty'],
  ['[{"a":1},', {}, 'it ends early, after 9 bytes'],
  ['[{"a":"x', {}, 'it ends early, after 8 bytes'],
  ['{"features":[{}]', { rows: 'features' }, 'it ends early, after 16 bytes'],
  ['[{}]]', {}, 'something follows its end'],
  ['[{}}', {}, 'its brackets do not match'],
  ['{"a":1}\n{"a":', { format: 'ndjson' }, 'it ends early, after 13 bytes'],
  ['<!doctype html><html></html>', {}, 'it is not JSON'],
  ['{a:1}', {}, 'it is not JSON'],
  ['{"a" 1}', {}, 'it is not JSON'],
  ['[{} {}]', {}, 'it is not JSON'],
  ['[{},]', {}, 'it is not JSON'],
  ['', { format: 'csv' }, 'it is empty'],
  [`[{"a":${'['.repeat(1000)}`, {}, 'it nests deeper than 1000'],
])('scannerOf refuses %j', (body, request, problem) => {
  for (const chunkBytes of [1, 3, 1000]) expect(scan(body, request, chunkBytes).problem).toBe(problem)
})

test.each<[string, Partial<HttpRequest>, string]>([
  ['{}', { rows: 'features' }, 'it has nothing at "features", where an array of rows should be'],
  ['{"error":"no"}', { rows: 'data.items' }, 'it has nothing at "data.items", where an array of rows should be'],
  ['{"features":null}', { rows: 'features' }, 'it has null at "features", where an array of rows should be'],
  ['{"a":{"features":[]}}', { rows: 'features' }, 'it has nothing at "features", where an array of rows should be'],
  ['{"error":"no"}', {}, 'it is an object, not an array of rows'],
  ['"no"', {}, 'it is a text, not an array of rows'],
  ['17', {}, 'it is a number, not an array of rows'],
])('scannerOf says what stands in %j where the rows should be', (body, request, misplaced) => {
  for (const chunkBytes of [1, 3, 1000]) {
    const facts = scan(body, request, chunkBytes)
    expect(facts.problem).toBeUndefined()
    expect(facts.misplaced).toBe(misplaced)
  }
})

test.each<[string, Partial<HttpRequest>, string]>([
  ['[{}, 5, 6]', {}, 'row 2 is not an object'],
  ['{"a":1}\n[1]\n', { format: 'ndjson' }, 'row 2 is not an object'],
  ['{"next":{"a":1},"data":[]}', byCursor('next', 'data'), 'the next cursor at "next" is an object'],
])('scannerOf says what is unexpected in %j, once it is whole', (body, request, unexpected) => {
  for (const chunkBytes of [1, 3, 1000]) {
    expect(scan(body, request, chunkBytes)).toMatchObject({ unexpected })
    expect(scan(body, request, chunkBytes).problem).toBeUndefined()
    expect(scan(body.trim().slice(0, -1), request, chunkBytes).unexpected).toBeUndefined()
  }
})

test('scannerOf hashes the rows alone', () => {
  const body = (generated: number, id: number) => `{"generated":${generated},"features":[{"id":${id}}],"count":1}`
  const hash = (text: string, chunkBytes: number) => scan(text, { rows: 'features' }, chunkBytes).rowsHash
  expect(hash(body(1, 7), 3)).toBe(hash(body(22, 7), 1000))
  expect(hash(body(1, 7), 3)).not.toBe(hash(body(1, 8), 3))
})

test('scannerOf takes any JSON, counts its rows, and refuses every beginning of it, however it is cut into chunks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(),
      (rows, chunkBytes, cut) => {
        const body = JSON.stringify({ meta: { rows: [1] }, rows, after: 'x' })
        expect(scan(body, { rows: 'rows' }, chunkBytes)).toMatchObject({ rows: rows.length })
        expect(scan(body, { rows: 'rows' }, chunkBytes).problem).toBeUndefined()
        const bytes = Buffer.from(body)
        expect(scan(bytes.subarray(0, cut % bytes.length), { rows: 'rows' }, chunkBytes).problem).toBeDefined()
      },
    ),
  )
})
