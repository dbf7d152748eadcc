import { expect, test } from 'vitest'
import { fillBody, fillPath, fillQuery, placeholdersOf } from '../../../lib/connectors/http/placeholders.ts'
import type { HttpRequest } from '../../../lib/connectors/requests.ts'
import { CheckError, ConfigError } from '../../../lib/core/errors.ts'
import { Secret } from '../../../lib/core/secret.ts'

const request: HttpRequest = { method: 'GET', path: '/', each: { parent: 'repository', column: 'id' } }
const read = {
  dataset: 'event',
  request,
  partition: '2018-02-04',
  window: { start: new Date('2018-02-04T00:00:00Z'), end: new Date('2018-02-05T00:00:00.500Z') },
  cursor: { column: 'at', from: '2018-02-04 10:11:12.5+00' },
}
const known = placeholdersOf(read, 'a/b c')

test('placeholdersOf gives the window in ISO 8601 and UTC, the partition, the cursor and the parent', () => {
  expect(Object.fromEntries(known)).toEqual({
    start: '2018-02-04T00:00:00Z',
    end: '2018-02-05T00:00:00.500Z',
    partition: '2018-02-04',
    cursor: '2018-02-04T10:11:12.5Z',
    id: 'a/b c',
  })
})

test.each([
  ['2018-02-04 10:11:12+02', '2018-02-04T10:11:12+02:00'],
  ['2018-02-04 10:11:12-05:30', '2018-02-04T10:11:12-05:30'],
  ['2018-02-04 10:11:12', '2018-02-04T10:11:12'],
  ['2018-02-04', '2018-02-04'],
  ['12345', '12345'],
  ['a b', 'a b'],
])('placeholdersOf writes the cursor %s as %s', (from, text) => {
  expect(placeholdersOf({ ...read, cursor: { column: 'at', from } }).get('cursor')).toBe(text)
})

test('fillPath URL-encodes what it fills in', () => {
  expect(fillPath('/repos/{id}/events-{partition}', known)).toBe('/repos/a%2Fb%20c/events-2018-02-04')
})

test.each(['..', '.', '%2e%2E', '%2e'])('fillPath refuses a value that climbs: %s', (value) => {
  const climbing = new Map([['id', value]])
  if (value.startsWith('%')) expect(fillPath('/repos/{id}/x', climbing)).toBe(`/repos/${encodeURIComponent(value)}/x`)
  else
    expect(() => fillPath('/repos/{id}/x', climbing)).toThrow(
      expect.objectContaining({ constructor: CheckError, message: `"${value}" cannot stand in the path /repos/{id}/x`, exitCode: 3 }),
    )
})

test('fillPath names an unknown placeholder and those that are known', () => {
  expect(() => fillPath('/{day}', placeholdersOf({ dataset: 'a', request: { method: 'GET', path: '/' } }))).toThrow(
    expect.objectContaining({
      constructor: ConfigError,
      message: 'unknown placeholder {day} in path; known: {start}, {end}, {partition}, {cursor}',
    }),
  )
})

test.each([
  ['start', 'it needs a dataset with a window'],
  ['partition', 'it needs a pipeline with partitions'],
  ['cursor', 'it needs a dataset with a cursor that has landed once'],
])('fillPath says what {%s} needs', (name, needs) => {
  const none = placeholdersOf({ dataset: 'a', request: { method: 'GET', path: '/' } })
  expect(() => fillPath(`/{${name}}`, none)).toThrow(`placeholder {${name}} in path has no value here; ${needs}`)
})

test('fillQuery fills a value unencoded, leaves braces that are no placeholder, and leaves the parameter out without a cursor', () => {
  expect(fillQuery('since', '{start}..{end}', known)).toBe('2018-02-04T00:00:00Z..2018-02-05T00:00:00.500Z')
  expect(fillQuery('filter', '{"a": 1}', known)).toBe('{"a": 1}')
  expect(fillQuery('since', '>{cursor}', known)).toBe('>2018-02-04T10:11:12.5Z')
  expect(fillQuery('since', '>{cursor}', new Map([['cursor', undefined]]))).toBeUndefined()
  expect(() => fillQuery('since', '{strat}', known)).toThrow('unknown placeholder {strat} in query parameter "since"')
})

test('fillBody fills texts at any depth, reveals secrets, leaves other braces and all that is no text', () => {
  const body = {
    a: ['{start}', 1, null, true],
    b: { key: new Secret('env:K', () => 'kkk') },
    query: 'query { user { name } }',
    since: '{cursor}',
  }
  expect(fillBody(body, known)).toEqual({
    a: ['2018-02-04T00:00:00Z', 1, null, true],
    b: { key: 'kkk' },
    query: 'query { user { name } }',
    since: '2018-02-04T10:11:12.5Z',
  })
  expect(fillBody({ since: '{cursor}', all: ['{cursor}', 'x'] }, new Map([['cursor', undefined]]))).toEqual({ all: ['x'] })
  const proto = fillBody(JSON.parse('{"__proto__": {"polluted": "{partition}"}}'), known)
  expect(JSON.stringify(proto)).toBe('{"__proto__":{"polluted":"2018-02-04"}}')
  expect(({} as { polluted?: string }).polluted).toBeUndefined()
})
