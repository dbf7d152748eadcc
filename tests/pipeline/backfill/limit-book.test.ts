import { expect, test } from 'vitest'
import { inTurn, openDesk, servedBook } from '../../../lib/pipeline/backfill/desk.ts'
import { limitBook } from '../../../lib/pipeline/backfill/limit-book.ts'
import { testContext } from '../../kit/context.ts'

const never = new AbortController().signal

test('places are given in the order of asking, and come back once', async () => {
  const book = limitBook()
  const order: string[] = []
  const take = async (name: string) => {
    const give = await book.take('crm/sessions', 2, never)
    order.push(name)
    return give
  }
  const [a, b] = [await take('a'), await take('b')]
  const [c, d] = [take('c'), take('d')]
  await Promise.resolve()
  expect(order).toEqual(['a', 'b'])
  a()
  a()
  await c
  expect(order).toEqual(['a', 'b', 'c'])
  b()
  await d
  // Another limit has places of its own.
  await book.take('web/requests', 1, never)
})

test('who gives up waiting leaves the line', async () => {
  const book = limitBook()
  const give = await book.take('x', 1, never)
  const tired = new AbortController()
  const waiting = book.take('x', 1, tired.signal)
  const next = book.take('x', 1, never)
  tired.abort(new Error('tired'))
  await expect(waiting).rejects.toThrow('tired')
  give()
  ;(await next)()
})

test('a bucket gives so much a second, saves up no more than it may, and stands still while it is held', () => {
  let now = 0
  const book = limitBook(() => now)
  const rows = (cost: number) => book.book('crm/rows', { cost, perSecond: 1000, savedMs: 1000 })
  expect([rows(2000), rows(500), rows(1)]).toEqual([0, 2000, 2500])
  now = 60_000
  expect([rows(1000), rows(1000), rows(1)]).toEqual([0, 0, 1000])
  const request = () => book.book('web/requests', { cost: 1, perSecond: 4, savedMs: 0 })
  expect([request(), request(), request()]).toEqual([0, 250, 500])
  book.hold('web/requests', 30_000)
  expect(request()).toBe(30_000)
})

test('a host that fails for several processes is asked by none, until one trial', () => {
  let now = 0
  const book = limitBook(() => now)
  for (let i = 0; i < 10; i++) {
    expect(book.enter('web/api.example')).toBeUndefined()
    book.leave('web/api.example', 'refused')
  }
  expect(book.enter('web/api.example')).toBe('circuit open: api.example failed 10 times in a row, last: refused')
  expect(book.enter('web/other.example')).toBeUndefined()
  now = 30_000
  expect(book.enter('web/api.example')).toBeUndefined()
  expect(book.enter('web/api.example')).toContain('circuit open')
  book.leave('web/api.example')
  expect(book.enter('web/api.example')).toBeUndefined()
})

test('what a worker held is given back when it is gone, and a load that it asked for is ended or not begun', async () => {
  const limits = limitBook()
  const loads: string[] = []
  const first = Promise.withResolvers<void>()
  const warehouse = {
    kind: 'none',
    describe: async () => undefined,
    copyOut: async () => undefined,
    tokens: async () => [],
    close: async () => {},
    load: async ({ load }: { readonly load: string }) => {
      loads.push(load)
      await first.promise
      return { rows: 1, superseded: 0, removed: 0, added: [] }
    },
  }
  const committed: string[] = []
  const counter = {
    ...{ warehouse: () => warehouse, context: () => testContext(), pipeline: 'p', limits, served: servedBook({}), signal: never },
    committed: ({ inputKey }: { readonly inputKey: string }) => void committed.push(inputKey),
  }
  const turns = inTurn()
  const desk = openDesk(counter, turns)
  await desk.answer('take', { limit: 'x', total: 1 })
  const waiting = limits.take('x', 1, never)
  const request = (load: string) => ({
    partition: 'a',
    request: {
      dataset: { name: 'd', columns: { a: 'text' }, files: ['f'], rows: 1, hash: '' },
      table: 't',
      disposition: { mode: 'append' },
      expected: undefined,
      token: { pipeline: 'p', table: 't', partition: 'a', inputKey: load, loads: {} },
      load,
    },
  })
  const [begun, late] = [desk.answer('load', request('1')), desk.answer('load', request('2'))]
  late.catch(() => undefined)
  await expect.poll(() => loads).toEqual(['1'])
  let closed = false
  const closing = desk.close().then(() => {
    closed = true
  })
  ;(await waiting)()
  expect(closed).toBe(false)
  first.resolve()
  await closing
  expect(await begun).toMatchObject({ rows: 1 })
  await expect(late).rejects.toThrow('the worker is gone')
  expect([loads, committed]).toEqual([['1'], ['1']])
  await expect(desk.answer('load', { partition: 'a', request: { table: 3 } })).rejects.toThrow()
})
