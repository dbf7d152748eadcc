import { expect, test } from 'vitest'
import type { HttpRequest } from '../../../lib/connectors/requests.ts'
import { http, type MaybeSecret, secret } from '../../../lib/index.ts'

const { checkRequest } = http({ baseUrl: 'https://api.example.com' })
const check = (more: object) => checkRequest?.({ method: 'GET', path: 'things', ...more } as HttpRequest)
const OFFSET = { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 10, first: 0 }
const PAGE = { by: 'page', parameter: 'page', first: 1 }
const CURSOR = { by: 'cursor', parameter: 'after', next: 'meta.next' }

test.each<object>([
  {},
  { rows: 'data.items', paging: OFFSET },
  { paging: PAGE },
  { paging: { ...PAGE, sizeParameter: 'size', size: 10 } },
  { paging: { ...PAGE, size: 10 } },
  { rows: 'items', paging: CURSOR },
  { format: 'ndjson', paging: CURSOR },
  { format: 'csv', csv: { delimiter: ';' }, paging: { by: 'link' } },
  {
    path: 'things/{start}/{id}',
    query: { filter: '{"a": 1}', since: '{cursor}', key: secret('env:K') },
    each: { parent: 'p', column: 'id' },
  },
])('checkRequest takes %j', (more) => expect(() => check(more)).not.toThrow())

test.each<[object, string]>([
  [{ format: 'xml' }, 'unknown format "xml"; expected json, ndjson, csv'],
  [{ path: 'https://example.com/x' }, 'path "https://example.com/x" is a whole address; expected what follows the connection\'s base URL'],
  [{ path: 'things/{day}' }, 'unknown placeholder {day} in path; known: {start}, {end}, {partition}, {cursor}'],
  [{ query: { since: '{strat}' } }, 'unknown placeholder {strat} in query parameter "since"; known: {start}, {end}, {partition}, {cursor}'],
  [{ headers: { 'X Key': 'a' } }, '"X Key" is not a header\'s name'],
  [{ rows: '' }, 'rows "" has an empty key; expected keys between dots'],
  [{ rows: 'data.' }, 'rows "data." has an empty key; expected keys between dots'],
  [{ format: 'csv', rows: 'data' }, 'rows "data" leads into a JSON body, and format is csv'],
  [{ csv: { delimiter: ';' } }, 'csv says how CSV bodies are written, and format is json'],
  [{ format: 'csv', csv: { delimiter: '' } }, 'delimiter "" has 0 bytes; expected 1 to 4'],
  [{ paging: { by: 'offsets' } }, 'unknown paging "offsets"; expected offset, page, cursor, link'],
  [{ paging: { ...OFFSET, limit: 0 } }, 'limit 0 of paging by offset must be a whole number of at least 1'],
  [{ paging: { ...OFFSET, first: -1 } }, 'first -1 of paging by offset must be a whole number of at least 0'],
  [{ paging: { ...OFFSET, limits: 5 } }, 'paging by offset has no option "limits"; did you mean "limit"?'],
  [{ paging: { ...PAGE, sizeParameter: 'size' } }, 'paging by page has a sizeParameter "size" and no size to send'],
  [{ paging: { ...PAGE, size: 2.5 } }, 'size 2.5 of paging by page must be a whole number of at least 1'],
  [{ paging: { by: 'cursor', parameter: 'after' } }, 'paging by cursor needs a next'],
  [{ format: 'csv', paging: CURSOR }, 'paging by cursor looks for the next cursor in a JSON body, and format is csv'],
  [{ paging: { by: 'link', parameter: 'x' } }, 'paging by link has no option "parameter"'],
])('checkRequest refuses %j', (more, message) => expect(() => check(more)).toThrow(expect.objectContaining({ message, exitCode: 2 })))

test('http refuses the name of a header of the connection that none can have', () => {
  const headers: Record<string, MaybeSecret> = { 'X Key': secret('env:K') }
  expect(() => http({ baseUrl: 'https://api.example.com', headers })).toThrow('"X Key" is not a header\'s name')
})
