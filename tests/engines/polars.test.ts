import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cachedDataVersionTag } from 'node:v8'
import { expect, test } from 'vitest'
import { isLazyFrame, loadPolars, polarsWords, releaseFrames, scanParquet, sinkParquet } from '../../lib/engines/polars.ts'
import { temporaryFolder } from '../kit/context.ts'

test('scanParquet and sinkParquet take paths as they are, in their order', async () => {
  const pl = await loadPolars()
  const folder = join(temporaryFolder(), 'a [1]*? b=2')
  mkdirSync(folder)
  const files = ['2.parquet', '1.parquet', '[1].parquet'].map((name) => join(folder, name))
  for (const [i, file] of files.entries()) await sinkParquet(pl.DataFrame({ x: [i] }).lazy(), file)
  const out = join(folder, '*.parquet')
  await sinkParquet(scanParquet(pl, files), out)
  const read = await scanParquet(pl, [out]).collect()
  expect(read.columns).toEqual(['x'])
  expect(read.getColumn('x').toArray()).toEqual([0, 1, 2])
})

test('sinkParquet leaves the event loop free', async () => {
  const pl = await loadPolars()
  const folder = temporaryFolder()
  const rows = pl.DataFrame({ x: pl.intRange(0, 3_000_000, 1, pl.Int64, true) as never }).lazy()
  const heavy = rows.withColumns(pl.col('x').cast(pl.Utf8).alias('text')).sort('text')
  let longest = 0
  let ticks = 0
  let last = performance.now()
  const watch = setInterval(() => {
    ticks++
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 5)
  const began = performance.now()
  await sinkParquet(heavy, join(folder, 'out.parquet')).finally(() => clearInterval(watch))
  const took = performance.now() - began
  expect(ticks).toBeGreaterThan(took / 50)
  expect(longest).toBeLessThan(took / 2)
})

test('sinkParquet rejects with what is wrong, and polarsWords keeps the words', async () => {
  const pl = await loadPolars()
  const frame = pl
    .DataFrame({ amount: [1] })
    .lazy()
    .select(pl.col('amont'))
  const error = await sinkParquet(frame, join(temporaryFolder(), 'out.parquet')).then(
    () => undefined,
    (thrown: Error) => thrown,
  )
  expect(polarsWords(error?.message ?? '')).toBe(
    'not found: unable to find column "amont"; valid columns: ["amount"] Did you mean "amount"?',
  )
})

test('isLazyFrame knows a lazy frame from anything else', async () => {
  const pl = await loadPolars()
  const eager = pl.DataFrame({ x: [1] })
  expect([eager.lazy(), eager.lazy().select('x')].map(isLazyFrame)).toEqual([true, true])
  expect([eager, pl.col('x'), null, undefined, {}, Promise.resolve(eager.lazy())].map(isLazyFrame)).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
  ])
})

test('releaseFrames leaves V8 as it was, so that compiled code stays of use', () => {
  const version = cachedDataVersionTag()
  releaseFrames()
  expect(cachedDataVersionTag()).toBe(version)
})
