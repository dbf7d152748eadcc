import fc from 'fast-check'
import { expect, test } from 'vitest'
import { admission, admit, type Need, PATIENCE, simulate } from '../../../lib/pipeline/backfill/admit.ts'

interface Task extends Need {
  readonly name: string
  readonly takes: number
}
const task = (name: string, bytes: number, alone = false, takes = 1): Task => ({ name, bytes, alone, takes })
const never = () => 0

test('admit takes the first, where it fits', () => {
  const [a, b] = [task('a', 3), task('b', 2)]
  expect(admit(10, { running: [task('r', 7)], ready: [a, b] }, (each) => each, never)).toBe(a)
  expect(admit(10, { running: [task('r', 8)], ready: [a, b] }, (each) => each, never)).toBe(b)
  expect(admit(10, { running: [task('r', 9)], ready: [a, b] }, (each) => each, never)).toBeUndefined()
})

test('one that is larger than the whole budget, and one that is to be alone, run when nothing else does', () => {
  for (const each of [task('a', 99), task('a', 1, true)]) {
    expect(admit(10, { running: [], ready: [each] }, (of) => of, never)).toBe(each)
    expect(admit(10, { running: [task('r', 1)], ready: [each] }, (of) => of, never)).toBeUndefined()
  }
  expect(admit(10, { running: [task('r', 1, true)], ready: [task('a', 1)] }, (of) => of, never)).toBeUndefined()
})

/** Runs tasks by `admission` to their end; gives who was running each time that one began. */
function run(
  budget: number,
  lanes: number,
  tasks: readonly Task[],
): { readonly begun: readonly Task[]; readonly together: readonly (readonly Task[])[] } {
  const next = admission<Task>(
    budget,
    (each) => each,
    ({ name }) => name,
  )
  let [ready, running] = [[...tasks], [] as { task: Task; ends: number }[]]
  const [begun, together]: [Task[], Task[][]] = [[], []]
  for (let now = 0; ready.length > 0 || running.length > 0; ) {
    const chosen =
      running.length < lanes
        ? next(
            ready,
            running.map((each) => each.task),
          )
        : undefined
    if (chosen) {
      ready = ready.filter((each) => each !== chosen)
      running.push({ task: chosen, ends: now + chosen.takes })
      begun.push(chosen)
      together.push(running.map((each) => each.task))
      continue
    }
    expect(running.length, 'nothing runs and nothing begins').toBeGreaterThan(0)
    now = Math.min(...running.map(({ ends }) => ends))
    running = running.filter(({ ends }) => ends > now)
  }
  return { begun, together }
}

const tasks = fc
  .array(fc.record({ bytes: fc.integer({ min: 0, max: 30 }), alone: fc.boolean(), takes: fc.integer({ min: 1, max: 9 }) }), {
    maxLength: 80,
  })
  .map((all) => all.map((each, i): Task => ({ ...each, alone: each.alone && i % 5 === 0, name: String(i) })))

test('all begin, what runs together fits the budget unless it is one alone, and nobody is passed over for ever', () => {
  fc.assert(
    fc.property(tasks, fc.integer({ min: 1, max: 8 }), (all, lanes) => {
      const { begun, together } = run(20, lanes, all)
      expect(new Set(begun)).toEqual(new Set(all))
      for (const running of together)
        if (running.length > 1) {
          expect(running.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(20)
          expect(running.some(({ alone }) => alone)).toBe(false)
        }
      for (const [i, each] of all.entries()) {
        const later = begun.slice(0, begun.indexOf(each)).filter((other) => all.indexOf(other) > i)
        expect(later.length).toBeLessThanOrEqual(PATIENCE)
      }
    }),
  )
})

test('where all fit beside each other, they begin in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 }), (sizes) => {
      const all = sizes.map((bytes, i) => task(String(i), bytes))
      expect(run(20, 4, all).begun).toEqual(all)
    }),
  )
})

test('simulate says how long lanes take, and how much they hold at most', () => {
  const each = { seconds: 2, peakBytes: 4 }
  expect(simulate(8, 4, [each, each, each, each])).toEqual({ seconds: 4, peakBytes: 8 })
  expect(simulate(100, 4, [each, each, each, each])).toEqual({ seconds: 2, peakBytes: 16 })
  expect(simulate(3, 4, [each, each])).toEqual({ seconds: 4, peakBytes: 4 })
  // A worker begins once, where no other is free.
  expect(simulate(8, 4, [each, each, each, each], 1)).toEqual({ seconds: 5, peakBytes: 8 })
  expect(simulate(3, 4, [each, each], 1)).toEqual({ seconds: 5, peakBytes: 4 })
  expect(simulate(3, 4, [])).toEqual({ seconds: 0, peakBytes: 0 })
})
