import { expect, test } from 'vitest'
import { type Arrived, firstPage, nextLink, nextPage, type Position, repeatGuard } from '../../../lib/connectors/http/paging.ts'
import type { Paging } from '../../../lib/connectors/requests.ts'
import { CheckError } from '../../../lib/core/errors.ts'

const arrived = (rows: number, more: Partial<Arrived> = {}): Arrived => ({
  rows,
  rowsHash: `${Math.random()}`,
  url: 'http://a/x',
  shown: 'http://a/x',
  ...more,
})

/** Parameters of all pages when they have so many rows. */
function walk(paging: Paging | undefined, pages: readonly Arrived[]): unknown[] {
  const asked: unknown[] = []
  let at: Position | undefined = firstPage(paging)
  for (const page of pages) {
    if (!at) break
    asked.push(at.url ?? at.parameters)
    at = nextPage(paging, at, page)
  }
  return at ? [...asked, 'more'] : asked
}

test('a request without paging has one page', () => {
  expect(walk(undefined, [arrived(100), arrived(100)])).toEqual([{}])
})

test('offset paging ends at a short page', () => {
  const paging: Paging = { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 100, first: 1 }
  expect(walk(paging, [arrived(100), arrived(100), arrived(99), arrived(5)])).toEqual([
    { limit: 100, offset: 1 },
    { limit: 100, offset: 101 },
    { limit: 100, offset: 201 },
  ])
  expect(walk(paging, [arrived(100), arrived(0)])).toHaveLength(2)
})

test('page paging ends at a short page, or at an empty one where no size is known', () => {
  expect(walk({ by: 'page', parameter: 'p', first: 0, sizeParameter: 'n', size: 10 }, [arrived(10), arrived(3)])).toEqual([
    { n: 10, p: 0 },
    { n: 10, p: 1 },
  ])
  expect(walk({ by: 'page', parameter: 'p', first: 1 }, [arrived(10), arrived(3), arrived(0)])).toEqual([{ p: 1 }, { p: 2 }, { p: 3 }])
})

test('cursor paging goes on as long as there is a cursor, also after an empty page', () => {
  const paging: Paging = { by: 'cursor', parameter: 'after', next: 'next' }
  expect(walk(paging, [arrived(2, { next: 'b' }), arrived(0, { next: 'c' }), arrived(1)])).toEqual([{}, { after: 'b' }, { after: 'c' }])
})

test('link paging follows rel=next', () => {
  const link = '<http://a/x?page=2>; rel="next"'
  expect(walk({ by: 'link' }, [arrived(1, { link }), arrived(1)])).toEqual([{}, 'http://a/x?page=2'])
})

test.each([
  ['<https://b/y?a=1,2>; rel="next", <https://b/z>; rel="last"', 'https://b/y?a=1,2'],
  ['<https://b/z>; rel="last", <?page=3>; title="a, b"; rel=next', 'http://a/x?page=3'],
  ['<//b/y>;rel="prev next"', 'http://b/y'],
  ['<https://b/y>; REL="NEXT"', 'https://b/y'],
  [String.raw`<https://b/y>; title="a \"b\", c"; rel="next"`, 'https://b/y'],
  ['<https://b/z>; title="; rel=next"; rel="prev", <https://b/y>; rel="next"', 'https://b/y'],
  ['<https://b/z>; rel="prev"', undefined],
  ['nonsense', undefined],
  [undefined, undefined],
])('nextLink reads %s', (header, url) => {
  expect(nextLink(header, 'http://a/x?page=2')).toBe(url)
})

test('nextPage refuses more rows than were asked for', () => {
  const paging: Paging = { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 10, first: 0 }
  expect(() => nextPage(paging, firstPage(paging), arrived(11))).toThrow(
    expect.objectContaining({ constructor: CheckError, message: 'http://a/x gave 11 rows where limit asked for 10' }),
  )
})

test('repeatGuard finds the same rows again, the same cursor again and the same link again', () => {
  const at = (page: number, parameters: Position['parameters'] = { page }): Position => ({ page, parameters })
  const rows = repeatGuard()
  rows(at(1), arrived(5, { rowsHash: 'h' }), at(2))
  rows(at(2), arrived(5, { rowsHash: 'i' }), at(3))
  expect(() => rows(at(3), arrived(5, { rowsHash: 'h' }), at(4))).toThrow(
    expect.objectContaining({ constructor: CheckError, message: 'page repeats: page 3 of http://a/x is page 1 again', exitCode: 3 }),
  )
  const cursors = repeatGuard()
  cursors(at(1, {}), arrived(5), at(2, { after: 'b' }))
  expect(() => cursors(at(2, { after: 'b' }), arrived(5), at(3, { after: 'b' }))).toThrow('page 3 of http://a/x is page 2 again')
  const links = repeatGuard()
  links({ page: 1, parameters: {} }, arrived(5), { page: 2, parameters: {}, url: 'u' })
  expect(() => links({ page: 2, parameters: {}, url: 'u' }, arrived(5), { page: 3, parameters: {}, url: 'u' })).toThrow('page repeats')
})

test('repeatGuard lets empty pages be equal', () => {
  const guard = repeatGuard()
  guard({ page: 1, parameters: {} }, arrived(0, { rowsHash: 'h' }), { page: 2, parameters: { a: 1 } })
  guard({ page: 2, parameters: { a: 1 } }, arrived(0, { rowsHash: 'h' }), undefined)
})
