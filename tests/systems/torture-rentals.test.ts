import { expect, test } from 'vitest'
import type { StepReport } from '../../lib/observe/report.ts'
import { imbalancesOf } from '../torture/rentals/balance.ts'
import { shortForm, twinsOf } from '../torture/short-form.ts'

test('rentals that are killed and outrun between PostgreSQL and a bucket leave what an unkilled run leaves, and broken twins are caught', {
  timeout: 600_000,
}, async () => {
  const { code, results, stderr } = await shortForm('rentals.ts', 'land,load,export,overtaken,twins')
  const trials = results.flatMap((part) => part.trials)
  expect(
    trials.filter(({ faults }) => faults.length > 0),
    stderr,
  ).toEqual([])
  expect(results.map(({ name }) => name)).toEqual(['land', 'load', 'export', 'overtaken', 'twins'])
  for (const stage of ['land', 'load', 'export'])
    expect(
      trials.flatMap(({ kills }) => kills).filter((within) => within.some((each) => each.startsWith(`${stage} `))),
      stage,
    ).not.toEqual([])
  expect(twinsOf(results)).toEqual(['token in another transaction', 'latest.json before the file', 'a bucket without preconditions'])
  expect(code).toBe(0)
})

test('imbalancesOf says which rows went astray', () => {
  const land: StepReport = {
    ...{ stage: 'land', partition: '', dataset: 'film', outcome: 'done', rows: 7, ms: 1 },
    counts: { read: 10, unchanged: 2, superseded: 1, gone: 0 },
  }
  const load: StepReport = {
    ...{ stage: 'load', partition: '', dataset: 'film', target: 'dim_film', outcome: 'done', rows: 6, ms: 1 },
    counts: { dataset: 7, superseded: 1, removed: 0 },
  }
  const deliver: StepReport = { stage: 'export', partition: '', dataset: 'film', target: 'film.csv', outcome: 'done', rows: 7, ms: 1 }
  const made: StepReport = { stage: 'transform', partition: '', dataset: 'film', outcome: 'done', rows: 7, ms: 1 }
  const of = (...steps: readonly StepReport[]) =>
    imbalancesOf({ partitions: [{ partition: '', outcome: 'done', ms: 1, steps, rssBytes: 1 }] })
  expect(of(land, load)).toEqual([])
  expect(of(made, deliver)).toEqual([])
  expect(of({ ...land, rows: 6 })).toEqual(['land  film : read 10, landed 6, 2 unchanged, 1 superseded'])
  expect(of({ ...load, rows: 5 })).toEqual(['load  film dim_film: took 5 of 7 rows, 1 superseded'])
  expect(of({ ...land, rows: 8, counts: { read: 8 } }, load)).toEqual(['load  film dim_film: took 7 rows, where land gave 8'])
  expect(of(made, { ...deliver, rows: 6 })).toEqual(['export  film film.csv: took 6 rows, where transform gave 7'])
  const { counts: _, ...uncounted } = land
  expect(of(uncounted)).toEqual(['land  film : has no counts'])
})
