import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gridText } from '../../lib/cli/grid-text.ts'
import { displayWidth } from '../../lib/observe/width.ts'
import { GRID_STATES, type GridState } from '../../lib/pipeline/state/grid-report.ts'
import { gridOfStates } from './grids.ts'

const plain = { color: false, width: 100 }
const many = (count: number, of: (i: number) => GridState) => Array.from({ length: count }, (_, i) => of(i))

test('a grid of a few partitions has a line and letters for each, and says what is wrong', () => {
  expect(gridText(gridOfStates('day', ['done', 'failed', 'missing', 'open']), plain)).toBe(`sales (dev): 4 partitions
F failed 1   . missing 1   o open 1   d done 1

partition   extract land transform check load export  state    tries   time      peak
2005-01-03  d       d    d         d     d    d       done         1  1.2 s  400.0 MB
2005-01-04  F       F    F         F     F    F       failed       1  1.2 s  400.0 MB
  no such table: the table\\nis not there
2005-01-05  .       .    .         .     .    .       missing      1  1.2 s  400.0 MB
2005-01-06  o       o    o         o     o    o       open         1  1.2 s  400.0 MB`)
})

test('on a narrow terminal letters stand close before figures go', () => {
  expect(gridText(gridOfStates('day', ['done', 'failed']), { color: false, width: 70 })).toBe(`sales (dev): 2 partitions
F failed 1   d done 1

letters: extract, land, transform, check, load, export
partition            state   tries   time      peak
2005-01-03    dddddd done        1  1.2 s  400.0 MB
2005-01-04    FFFFFF failed      1  1.2 s  400.0 MB
  no such table: the table\\nis not there`)
  expect(gridText(gridOfStates('day', ['done']), { color: false, width: 40 })).toMatch(/\n2005-01-03 {4}d{6} done$/)
})

test('days are folded into months; what wants a look has a line, and the stages their counts', () => {
  const text = gridText(
    gridOfStates(
      'day',
      many(90, (i) => (i === 40 ? 'failed' : i > 80 ? 'missing' : 'done')),
    ),
    plain,
  )
  expect(text).toContain(`           done  missing  failed
extract      80        9       1
`)
  expect(text).toContain(`         1   5    10   15   20   25   30            1   5    10   15   20   25   30
2005-01    ddddddddddddddddddddddddddddd   2005-03  dddddddddddddddddddddddd.......
2005-02  dddddddddddFdddddddddddddddd      2005-04  ..
`)
  expect(text).toMatch(/\n2005-02-12 .* failed .*\n {2}no such table.*\n2005-03-25 .* missing /)
})

test('twenty years of days are folded into months, a letter for the day that wants a look first', () => {
  const text = gridText(
    gridOfStates(
      'day',
      many(20 * 365, (i) => (i === 400 ? 'failed' : i === 401 ? 'missing' : 'done')),
    ),
    plain,
  )
  expect(text).toContain('each letter: a month, as the one that wants a look first\n')
  // Of a month of which something is missing a part is there: the legend has its letter.
  const part = gridText(
    gridOfStates(
      'day',
      many(20 * 365, (i) => (i === 401 ? 'missing' : 'done')),
    ),
    plain,
  )
  expect(part).toContain('\nu due   . missing 1   d done 7,299\n')
  expect(text).toMatch(/\n2005 {2}d{12} /)
  expect(text).toMatch(/\n2006 {2}dFd{10} /)
  expect(text.split('\n').length).toBeLessThan(40)
})

test('thousands of keys are several in a letter, none left out', () => {
  const text = gridText(
    gridOfStates(
      undefined,
      many(10_000, (i) => (i === 9_999 ? 'failed' : 'done')),
    ),
    plain,
  )
  expect(text).toMatch(/each letter: \d+ keys, /)
  expect(text).toMatch(/d*F\n/)
  expect(text).toContain('shop-9999')
  expect(text.split('\n').length).toBeLessThan(60)
})

test('of many that are not done the first are named, and how many more there are', () => {
  expect(
    gridText(
      gridOfStates(
        'hour',
        many(100, () => 'missing'),
      ),
      plain,
    ),
  ).toContain('… and 80 more that are not done')
})

test('gridText colours a letter by its state, and never without being asked to', () => {
  const grid = gridOfStates('month', ['failed', 'done'])
  expect(gridText(grid, { color: true, width: 100 })).toContain('\x1b[31mF\x1b[0m')
  expect(gridText(grid, plain)).not.toContain('\x1b')
})

test('no line of a grid is wider than the terminal, whatever the partitions', () => {
  const units = fc.constantFrom(undefined, 'hour', 'day', 'week', 'month', 'year')
  const counts = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 60, max: 2000 }))
  fc.assert(
    fc.property(
      units,
      counts,
      fc.integer({ min: 40, max: 220 }),
      fc.array(fc.constantFrom(...GRID_STATES), { minLength: 1 }),
      (unit, count, width, states) => {
        const grid = gridOfStates(
          unit as 'day',
          many(unit === 'year' ? Math.min(count, 200) : count, (i) => states[i % states.length] as GridState),
        )
        const text = gridText(grid, { color: false, width })
        for (const line of text.split('\n')) expect(displayWidth(line), line).toBeLessThanOrEqual(width)
        for (const state of new Set(grid.partitions.map((each) => each.state))) expect(text).toContain(` ${state} `)
      },
    ),
    { numRuns: 60 },
  )
})
