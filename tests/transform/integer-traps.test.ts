import { join } from 'node:path'
import pl, { type LazyDataFrame } from 'nodejs-polars'
import { describe, expect, test } from 'vitest'
import { scanParquet } from '../../lib/engines/polars.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import { loadStepTexts } from '../../lib/transform/load-steps.ts'
import { temporaryFolder } from '../kit/context.ts'
import { connectToTestEngine } from '../kit/engine.ts'

const columns = { i: 'int32', b: 'int64', u: 'uint64', s: 'int16', f: 'float64', t: 'text', d: 'date', m: 'decimal(9,2)' }

/** What `plan` says of a frame over these columns. */
async function warningsOf(frame: (r: LazyDataFrame) => LazyDataFrame): Promise<string[]> {
  const { warnings } = await bindSteps({
    extracted: { r: { columns, by: 'whole' } },
    steps: await loadStepTexts({ a: (({ r }: { r: LazyDataFrame }) => frame(r)) as never }, '.'),
    parameters: {},
    partitioned: 'none',
    wanted: [],
  })
  return warnings.map(({ message }) => message.split(';')[0] ?? '')
}

describe('Polars, without an error,', () => {
  const over = async (frame: (r: LazyDataFrame) => LazyDataFrame) => {
    const [db, file] = [await connectToTestEngine(), join(temporaryFolder(), 'r.parquet')]
    await db.run(
      `COPY (SELECT 2000000000::INTEGER AS i, 9223372036854775807 AS b, '7' AS t UNION ALL SELECT 2000000000, 1, 'x') TO '${file}'`,
    )
    db.close()
    return (await frame(scanParquet(pl, [file])).collect()).writeCSV().toString().trim()
  }
  test('wraps around in sums of 32 and 64 bits, of a column and of a frame', async () => {
    expect(await over((r) => r.select(pl.col('i').sum(), pl.col('b').sum()))).toBe('i,b\n-294967296,-9223372036854775808')
    expect(await over((r) => r.select('i', 'b').sum())).toBe('i,b\n-294967296,-9223372036854775808')
    expect(await over((r) => r.select(pl.col('b').cast(pl.Decimal(38, 0)).sum()))).toBe('b\n9223372036854775808')
  })
  test('makes NULL of what a cast does not fit, unless it is strict', async () => {
    expect(await over((r) => r.select(pl.col('b').cast(pl.Int32)))).toBe('b\n\n1')
    expect(await over((r) => r.select(pl.col('t').cast(pl.Int32)))).toBe('t\n7')
    await expect(over((r) => r.select(pl.col('b').cast(pl.Int32, true)))).rejects.toThrow(/conversion from `i64` to `i32` failed/)
  })
})

describe('plan warns of', () => {
  const adds = (column: string, type: string, bits: number) =>
    `"${column}" adds up ${type}, which wraps around beyond ${bits} bits in Polars without an error`
  test.each<[string, (r: LazyDataFrame) => LazyDataFrame, string[]]>([
    [
      'sums of 64 bits',
      (r) => r.select(pl.col('b').sum(), pl.col('u').sum().alias('all')),
      [adds('b', 'int64', 64), adds('all', 'uint64', 64)],
    ],
    ['running sums of 64 bits', (r) => r.select(pl.col('b').cumSum()), [adds('b', 'int64', 64)]],
    ['sums of several columns', (r) => r.select(pl.col(['i', 'b', 's']).sum()), [adds('i', 'int32', 32), adds('b', 'int64', 64)]],
    ['the sum of a frame', (r) => r.select('i', 'b', 's', 'f').sum(), [adds('i', 'int32', 32), adds('b', 'int64', 64)]],
  ])('%s', async (_, frame, warnings) => {
    expect((await warningsOf(frame)).filter((each) => /wraps/.test(each))).toEqual(warnings)
  })

  test.each<[() => ReturnType<typeof pl.col>, string, string, string]>([
    [() => pl.col('b').cast(pl.Int32), 'b', 'int64', 'int32'],
    [() => pl.col('b').max().cast(pl.Int32).alias('x'), 'b', 'int64', 'int32'],
    [() => pl.col('f').cast(pl.Int64), 'f', 'float64', 'int64'],
    [() => pl.col('t').cast(pl.Int64), 't', 'text', 'int64'],
    [() => pl.col('t').cast(pl.Float64), 't', 'text', 'float64'],
    [() => pl.col('i').cast(pl.UInt64), 'i', 'int32', 'uint64'],
    [() => pl.col('m').cast(pl.Decimal(5, 2)), 'm', 'decimal(9,2)', 'decimal(5,2)'],
    [() => pl.col('b').cast(pl.Decimal(9, 0)), 'b', 'int64', 'decimal(9,0)'],
  ])('a cast that makes NULL of what does not fit: %s', async (expression, column, from, to) => {
    expect(await warningsOf((r) => r.select(expression()))).toEqual([
      `"${column}" is cast from ${from} to ${to}: what does not fit becomes NULL without an error`,
    ])
  })
})

test('plan warns of no cast that holds every value, that is strict, or that comes before a sum on purpose', async () => {
  const frame = (r: LazyDataFrame) =>
    r.select(
      pl.col('i').cast(pl.Int64).sum(),
      pl.col('b').cast(pl.Decimal(38, 0)).sum(),
      pl.col('u').cast(pl.Int32, true),
      pl.col('s').cast(pl.Int32),
      pl.col('f').cast(pl.Utf8),
      pl.col('d').cast(pl.Int32),
      pl.col('m').cast(pl.Float64),
      pl.lit(1).cast(pl.Int16).alias('one'),
    )
  expect(await warningsOf(frame)).toEqual([])
  expect(await warningsOf((r) => r.select(pl.col('i').cast(pl.Int64)).sum())).toEqual([])
  expect(await warningsOf((r) => r.select('i').max())).toEqual([])
})
