import { expect, test } from 'vitest'
import { CheckError, ConfigError, TransientError } from '../../lib/core/errors.ts'
import { Secret } from '../../lib/core/secret.ts'
import { errorReport, errorText } from '../../lib/observe/error-report.ts'
import type { PartitionReport, RunReport } from '../../lib/observe/report.ts'
import { runSummary } from '../../lib/observe/summary.ts'

const partition = (name: string, outcome: PartitionReport['outcome'] = 'done', more: Partial<PartitionReport> = {}): PartitionReport => ({
  partition: name,
  outcome,
  ms: 120,
  rssBytes: 1e8,
  steps:
    outcome === 'done'
      ? [
          { stage: 'land', partition: name, dataset: 'quake', outcome: 'done', rows: 1243, bytes: 34_100, ms: 60 },
          { stage: 'check', partition: name, dataset: 'daily', outcome: 'unchanged', ms: 1 },
          { stage: 'load', partition: name, dataset: 'daily', target: 'fct_daily', outcome: 'done', rows: 14, ms: 40 },
          {
            stage: 'export',
            partition: name,
            dataset: 'daily',
            target: 'quakes/{partition}.csv',
            outcome: 'done',
            rows: 14,
            bytes: 912,
            ms: 20,
            files: [`quakes/${name}.csv/abc-def.csv`, `quakes/${name}.csv/manifest-abc-def.json`],
          },
        ]
      : [],
  ...more,
})
const report = (partitions: PartitionReport[], more: Partial<RunReport> = {}): RunReport => ({
  pipeline: 'quakes',
  profile: 'dev',
  run: '20180207T013000-ab12',
  startedAt: '2018-02-07T01:30:00.000Z',
  endedAt: '2018-02-07T01:30:01.200Z',
  outcome: 'done',
  exitCode: 0,
  partitions,
  retries: 0,
  warnings: [],
  peakRssBytes: 180_300_000,
  locations: { store: '/p/.millrace/dev/export', warehouse: '/p/.millrace/dev/warehouse.duckdb', landing: '/p/.millrace/dev/landing' },
  manifests: [],
  versions: {},
  ...more,
})

test('runSummary of one partition tells each step, the delivered file, the table, memory', () => {
  expect(runSummary(report([partition('2018-02-04')], { retries: 2, warnings: ['odd', 'odd'] }))).toBe(
    `quakes (dev): done in 1.2 s; partitions: 1 done

partition   stage   dataset  target                  rows    bytes   time  outcome
──────────  ──────  ───────  ─────────────────────  ─────  ───────  ─────  ───────
2018-02-04  land    quake    -                      1,243  34.1 kB  60 ms  done
2018-02-04  load    daily    fct_daily                 14        -  40 ms  done
2018-02-04  export  daily    quakes/2018-02-04.csv     14    912 B  20 ms  done

delivered    1 file to /p/.millrace/dev/export
             quakes/2018-02-04.csv/abc-def.csv
loaded       /p/.millrace/dev/warehouse.duckdb
peak memory  180.3 MB, 2 retries
run          20180207T013000-ab12
warning: odd`,
  )
})

test('runSummary of many partitions names each with what became of it and why', () => {
  const error = errorReport(new CheckError('2 rows have no day', { hint: 'look at them', partition: '2018-02-05' }))
  const days = [
    partition('2018-02-03', 'unchanged'),
    partition('2018-02-04'),
    partition('2018-02-05', 'failed', { error }),
    partition('2018-02-06', 'open'),
    partition('2018-02-07', 'notRun'),
  ]
  const text = runSummary(report(days, { outcome: 'failed', exitCode: 1 }))
  expect(text).toContain('quakes (dev): failed in 1.2 s; partitions: 1 up to date, 1 done, 1 failed, 1 open, 1 not run')
  expect(text).toContain(`partition   outcome     landed  loaded  delivered    time  reason
──────────  ──────────  ──────  ──────  ─────────  ──────  ──────────────────
2018-02-03  up to date       -       -          -  120 ms  -
2018-02-04  done         1,243      14         14  120 ms  -
2018-02-05  failed           -       -          -  120 ms  2 rows have no day
2018-02-06  open             -       -          -  120 ms  -
2018-02-07  not run          -       -          -       -  -`)
  expect(text).toContain('failed 2018-02-05: partition 2018-02-05: 2 rows have no day\n  hint: look at them')
  const narrow = runSummary(report(days, { outcome: 'failed', exitCode: 1 }), { width: 74 })
  expect(narrow).toContain('  2 rows have no…\n')
  expect(narrow).toContain('failed 2018-02-05: partition 2018-02-05: 2 rows have no day\n')
  expect(runSummary(report(days), { color: true })).toContain('\x1b[31mfailed\x1b[0m')
})

test('runSummary says who has stopped it', () => {
  const stopped = (exitCode: number) => runSummary(report([partition('2018-02-04')], { outcome: 'interrupted', exitCode }))
  expect(stopped(130)).toContain('\ninterrupted: run the same command again; finished partitions are kept\n')
  expect(stopped(75)).toContain('\nthe time of --stop-at has come: run the same command again; finished partitions are kept\n')
})

test('runSummary says that there was nothing to do', () => {
  const text = runSummary(report([partition('2018-02-04', 'unchanged'), partition('2018-02-05', 'unchanged')], { outcome: 'unchanged' }))
  expect(text).toBe(`quakes (dev): nothing to do, everything is up to date in 1.2 s; partitions: 2 up to date

peak memory  180.3 MB
run          20180207T013000-ab12`)
})

test('runSummary says what was read in vain: of what does not land, its loads tell', () => {
  const forwarded = (load: 'done' | 'unchanged' | 'failed') =>
    runSummary(
      report([
        partition('', load, {
          steps: [
            { stage: 'extract', partition: '', dataset: 'shop', outcome: 'done', rows: 3, ms: 5 },
            { stage: 'load', partition: '', dataset: 'shop', target: 'shop', outcome: load, ms: 5 },
          ],
        }),
      ]),
    )
  expect(forwarded('unchanged')).toContain('shop: nothing new')
  for (const outcome of ['done', 'failed'] as const) expect(forwarded(outcome)).not.toContain('nothing new')
})

test('errorReport holds fields, hint and what the causes add, redacted', () => {
  new Secret('env:X', () => 'hunter22').reveal()
  const error = new TransientError('the source did not answer', {
    cause: new Error('connect ECONNREFUSED hunter22\n    at x', { cause: new Error('connect ECONNREFUSED') }),
    hint: 'is it up? hunter22',
    pipeline: 'quakes',
    stage: 'extract',
    dataset: 'quake',
    partition: '2018-02-04',
  })
  expect(errorReport(error)).toEqual({
    kind: 'TransientError',
    message: 'the source did not answer: connect ECONNREFUSED [secret]',
    hint: 'is it up? [secret]',
    exitCode: 75,
    pipeline: 'quakes',
    stage: 'extract',
    dataset: 'quake',
    partition: '2018-02-04',
  })
  expect(errorText(errorReport(error))).toBe(
    'error: quakes extract quake partition 2018-02-04: the source did not answer: connect ECONNREFUSED [secret]\n  hint: is it up? [secret]',
  )
})

test('errorReport leaves out what an engine said, but not its own faults', () => {
  const said = (words: string) => errorReport(new CheckError('a.csv is not whole', { cause: new Error(words) })).message
  expect(said('Invalid Input Error: CSV Error on Line: 3\nOriginal Line: x')).toBe('a.csv is not whole')
  expect(said('INTERNAL Error: Attempted to access index 3')).toBe('a.csv is not whole: INTERNAL Error: Attempted to access index 3')
})

test('errorText adds column, row and file that the message does not name', () => {
  const error = new CheckError('"x" is no int32', { column: 'n', row: 7, file: '/data/a.csv', dataset: 'a' })
  expect(errorText(errorReport(error))).toBe('error: a: "x" is no int32 (column "n", row 7, file /data/a.csv)')
  const named = new ConfigError('column "n" of /data/a.csv is missing', { column: 'n', file: '/data/a.csv' })
  expect(errorText(errorReport(named))).toBe('error: column "n" of /data/a.csv is missing')
})

test('errorReport takes anything thrown', () => {
  expect(errorReport('text')).toMatchObject({ kind: 'Error', message: 'text', exitCode: 1 })
  expect(errorReport(new TypeError('no'))).toMatchObject({ kind: 'TypeError', message: 'no', exitCode: 1 })
})
