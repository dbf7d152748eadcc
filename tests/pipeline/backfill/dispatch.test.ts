import { expect, test } from 'vitest'
import { type Admission, type DispatchOptions, dispatch, type Lane, type Waiting } from '../../../lib/pipeline/backfill/dispatch.ts'
import type { Ended } from '../../../lib/pipeline/backfill/messages.ts'
import type { Death } from '../../../lib/pipeline/backfill/worker.ts'
import type { PartitionReport } from '../../../lib/pipeline/report.ts'
import { manualClock } from '../../kit/context.ts'

const inOrder: Admission = ([first]) => first

const report = (partition: string, outcome: PartitionReport['outcome'], kind?: string, exitCode = 1): Ended => ({
  type: 'ended',
  report: {
    ...{ partition, outcome, ms: 1, steps: [], rssBytes: 1 },
    ...(kind !== undefined && { error: { kind, message: `${partition} did not work`, exitCode } }),
  },
  staged: [],
  pinned: [],
})
const done = (name: string) => report(name, 'done')
const fails = (name: string) => report(name, 'failed', 'CheckError', 3)
const busy = (name: string) => report(name, 'failed', 'TransientError', 75)
const held = (name: string) => report(name, 'failed', 'HeldError', 75)
const dies = (): Death => ({ how: 'SIGKILL', words: '' })

type Act = (name: string) => Ended | Death
/** Runs partitions a to …; `acts` says what comes of the attempts of each, the last of them of all further ones. */
async function run(names: string, acts: Readonly<Record<string, readonly Act[]>> = {}, options: Partial<DispatchOptions> = {}) {
  const clock = manualClock()
  const told: string[] = []
  const drain = new AbortController()
  let lanes = 0
  const attempts = new Map<string, number>()
  const lane = (): Lane => {
    lanes++
    return {
      run: async ({ partition: { name } }) => {
        const n = attempts.get(name) ?? 0
        attempts.set(name, n + 1)
        await Promise.resolve()
        return (acts[name]?.[n] ?? acts[name]?.at(-1) ?? done)(name)
      },
      close: async () => void told.push('closed'),
    }
  }
  const reports = await dispatch({
    ...{ partitions: [...names].map((name) => ({ name })), pipeline: 'p', lanes: 1, openLane: lane, admit: inOrder, attempts: 3 },
    ...{ maxFailures: 1, drain: drain.signal, clock, nowMs: () => clock.now().getTime() },
    began: ({ partition, attempt }) => told.push(`${partition.name}${attempt}`),
    again: ({ partition }, _report, reason) => told.push(`again ${partition.name}: ${reason}`),
    ...options,
  })
  return { outcomes: reports.map(({ partition, outcome }) => `${partition} ${outcome}`), reports, told, lanes, slept: clock.slept }
}

test('dispatch runs all in their order and closes its lanes', async () => {
  expect(await run('abc')).toMatchObject({ outcomes: ['a done', 'b done', 'c done'], told: ['a1', 'b1', 'c1', 'closed'] })
  expect((await run('abc', {}, { lanes: 2 })).lanes).toBe(2)
  expect(await run('', {}, { lanes: 2 })).toMatchObject({ outcomes: [], lanes: 0 })
})

test('the first failure lets no other begin; more are allowed where it is said', async () => {
  expect((await run('abc', { a: [fails] })).outcomes).toEqual(['a failed', 'b notRun', 'c notRun'])
  expect((await run('abcd', { a: [fails], b: [fails] }, { maxFailures: 2 })).outcomes).toEqual([
    'a failed',
    'b failed',
    'c notRun',
    'd notRun',
  ])
  expect((await run('abc', { a: [fails], b: [fails] }, { maxFailures: Number.POSITIVE_INFINITY })).outcomes).toEqual([
    ...['a failed', 'b failed', 'c done'],
  ])
})

test('what may pass is tried again after the others, with pauses, as often as it is said', async () => {
  const { outcomes, told, slept } = await run('ab', { a: [busy, busy, done] })
  expect(outcomes).toEqual(['a done', 'b done'])
  expect(told).toEqual(['a1', 'again a: a did not work', 'b1', 'a2', 'again a: a did not work', 'a3', 'closed'])
  expect(slept).toEqual([1000, 2000])
  expect((await run('a', { a: [busy] })).reports).toMatchObject([{ outcome: 'failed', error: { exitCode: 75 } }])
  expect((await run('a', { a: [busy] }, { attempts: 1 })).told).toEqual(['a1', 'closed'])
})

test('a death costs one attempt; a partition that none outlives fails, and says how', async () => {
  expect((await run('ab', { a: [dies, done] })).outcomes).toEqual(['a done', 'b done'])
  const { reports } = await run('ab', { a: [dies] })
  expect(reports[0]).toMatchObject({
    ...{ partition: 'a', outcome: 'failed' },
    error: { kind: 'PermanentError', message: 'the worker at work on it died 3 times (SIGKILL)', hint: expect.stringContaining('memory') },
  })
})

test('a worker that Ctrl-C takes while it starts costs nothing: its partition is not run, or runs when nothing is to end', async () => {
  const stopped = (): Death => ({ how: 'SIGINT', words: '' })
  expect(await run('ab', { a: [stopped, done] }, { attempts: 1 })).toMatchObject({ outcomes: ['a done', 'b done'] })
  const drain = new AbortController()
  const interrupted = (): Death => {
    drain.abort()
    return stopped()
  }
  expect((await run('ab', { a: [interrupted] }, { drain: drain.signal })).outcomes).toEqual(['a notRun', 'b notRun'])
})

test('what another run is at work on is waited for, and is no attempt', async () => {
  const { outcomes, told } = await run('a', { a: [...Array.from({ length: 9 }, () => held), done] })
  expect(outcomes).toEqual(['a done'])
  expect(told.filter((each) => each === 'a1')).toHaveLength(10)
})

test('once it drains, nothing begins, nothing is tried again, and what was not tried is not a failure', async () => {
  const drain = new AbortController()
  const stopAt = (name: string) => ({
    drain: drain.signal,
    maxFailures: Number.POSITIVE_INFINITY,
    began: ({ partition }: Waiting) => partition.name === name && drain.abort(),
  })
  expect((await run('abcd', { a: [busy], b: [busy], d: [held] }, stopAt('b'))).outcomes).toEqual([
    ...['a failed', 'b failed', 'c notRun', 'd notRun'],
  ])
})

test('what keeps all partitions from being run fails the first, and lets no other begin', async () => {
  const broken = (): Lane => ({
    run: () => Promise.reject(new Error('the pipeline cannot be read')),
    close: async () => {},
  })
  const { outcomes, reports } = await run('ab', {}, { openLane: broken, maxFailures: Number.POSITIVE_INFINITY })
  expect(outcomes).toEqual(['a failed', 'b notRun'])
  expect(reports[0]?.error?.message).toBe('the pipeline cannot be read')
})

test('what may begin is what is admitted: no two at once, where that is the rule', async () => {
  let most = 0
  const admit: DispatchOptions['admit'] = ([first], running) => {
    most = Math.max(most, running.length)
    return running.length === 0 ? first : undefined
  }
  expect((await run('abcd', {}, { lanes: 3, admit })).outcomes).toEqual(['a done', 'b done', 'c done', 'd done'])
  expect(most).toBe(1)
})
