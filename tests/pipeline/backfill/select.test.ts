import { expect, onTestFinished, test, vi } from 'vitest'
import { type Candidate, namedPartitions, type Selection, select } from '../../../lib/pipeline/backfill/select.ts'
import { nextTimeOfDay } from '../../../lib/pipeline/backfill/stop-at.ts'
import type { AnyPipeline } from '../../../lib/pipeline/define/definition.ts'
import { day, keys, month, partitionsUntil } from '../../../lib/pipeline/define/partitions.ts'

const NOW = new Date('2006-03-10T00:00:00Z')
const MONTHS = month({ from: '2005-11' })
const pipelineOf = (partition?: AnyPipeline['partition']) => ({ name: 'p', extract: {}, ...(partition && { partition }) }) as AnyPipeline

/** November is done, December was made by other code, January is due, February has failed, March is open. */
const STATES: Readonly<Record<string, Omit<Candidate, 'partition'>>> = {
  '2005-11': { state: 'done', stale: false },
  '2005-12': { state: 'done', stale: true },
  '2006-01': { state: 'due', stale: false },
  '2006-02': { state: 'due', stale: false, failed: 'no such file\nhere' },
  '2006-03': { state: 'open', stale: false },
}
const CANDIDATES = partitionsUntil(MONTHS, NOW).map((partition) => ({
  partition,
  ...(STATES[partition.name] ?? { state: 'due' as const, stale: false }),
}))
const chosen = (selection: Selection) => select(pipelineOf(MONTHS), selection, CANDIDATES, NOW)
const names = (selection: Selection) => chosen(selection).map(({ partition }) => partition.name)

test('select takes what is due without any choice, oldest first, or newest', () => {
  expect(names({})).toEqual(['2006-01', '2006-02'])
  expect(names({ newestFirst: true })).toEqual(['2006-02', '2006-01'])
  expect(chosen({}).map(({ why }) => why)).toEqual(['due', 'failed: no such file'])
})

test('select takes a range or a list whatever its state; a coarser name is its first partition, the end is exclusive', () => {
  expect(names({ from: '2005', to: '2006' })).toEqual(['2005-11', '2005-12'])
  expect(names({ from: '2005-11', to: '2006' })).toEqual(['2005-11', '2005-12'])
  expect(names({ from: '2006' })).toEqual(['2006-01', '2006-02', '2006-03'])
  expect(names({ partitions: ['2006-02, 2005-11', '2006-01'] })).toEqual(['2005-11', '2006-01', '2006-02'])
})

test('a key that holds commas is one name, alone and in a list', () => {
  const towns = keys(['a', 'b', 'a,b', 'Lodz, Poland', ' x '])
  const listed = (...partitions: readonly string[]) => [...(namedPartitions(pipelineOf(towns), { partitions }, NOW) ?? [])]
  expect(listed('a,b')).toEqual(['a,b'])
  expect(listed('b,a')).toEqual(['b', 'a'])
  expect(listed('a, Lodz, Poland,b')).toEqual(['a', 'Lodz, Poland', 'b'])
  expect(listed('a', 'b', ' x ')).toEqual(['a', 'b', ' x '])
  expect(() => listed('a,Poland')).toThrow('partition "Poland" is not among the keys')
})

test('states choose of all, or of what was named, and add up', () => {
  expect(names({ stale: true })).toEqual(['2005-12'])
  expect(names({ failed: true })).toEqual(['2006-02'])
  expect(names({ missing: true })).toEqual(['2006-01', '2006-02'])
  expect(names({ failed: true, stale: true })).toEqual(['2005-12', '2006-02'])
  expect(names({ missing: true, from: '2006-02' })).toEqual(['2006-02'])
  expect(names({ stale: true, from: '2006' })).toEqual([])
})

test('select refuses names that are none, ranges without partitions, and pipelines without partitions', () => {
  expect(() => names({ from: '2005-13' })).toThrow('is not a month')
  expect(() => names({ from: '2007' })).toThrow('no partition of "p" lies in [2007, …)')
  expect(() => names({ from: '2006', to: '2005' })).toThrow('--from 2006 is not before --to 2005')
  expect(() => names({ partitions: ['2005-11', '2004-01'] })).toThrow('no partition "2004-01"')
  expect(() => names({ partitions: [','] })).toThrow('--partition names no partition')
  expect(() => names({ partitions: ['2005-11'], to: '2006' })).toThrow('exclude each other')
  expect(() => select(pipelineOf(), {}, [], NOW)).toThrow('has no partitions')
  expect(() => select(pipelineOf(keys(['a', 'b'])), { from: 'c' }, [], NOW)).toThrow('not among the keys: a, b')
  expect(() => select(pipelineOf(day({ from: '2006-01-01' })), { partitions: ['2006'] }, [], NOW)).toThrow('no partition "2006"')
})

test('nextTimeOfDay of the night after one in which the clock skipped it is that time, not the later one', () => {
  vi.stubEnv('TZ', 'Europe/Berlin')
  onTestFinished(() => void vi.unstubAllEnvs())
  const at = (now: string) => nextTimeOfDay('02:30', new Date(now)).toISOString()
  expect(at('2024-03-31T00:00:00Z')).toBe('2024-03-31T01:30:00.000Z')
  expect(at('2024-03-31T02:00:00Z')).toBe('2024-04-01T00:30:00.000Z')
})

test('nextTimeOfDay is today or tomorrow, by the clock on the wall', () => {
  const at = (text: string, now: Date) => nextTimeOfDay(text, now)
  const morning = new Date(2026, 2, 10, 5, 59, 30)
  expect(at('06:00', morning)).toEqual(new Date(2026, 2, 10, 6, 0))
  expect(at('5:59', morning)).toEqual(new Date(2026, 2, 11, 5, 59))
  expect(at('00:00', new Date(2026, 11, 31, 0, 0))).toEqual(new Date(2027, 0, 1, 0, 0))
  for (const wrong of ['24:00', '6', '06:60', 'noon', '06:00:00']) expect(() => at(wrong, morning)).toThrow('expected the form 06:00')
})
