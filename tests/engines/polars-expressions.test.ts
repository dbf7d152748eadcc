import pl, { type Expr } from 'nodejs-polars'
import { expect, test } from 'vitest'
import { loadPolars } from '../../lib/engines/polars.ts'
import { shareExpressionMembers } from '../../lib/engines/polars-expressions.ts'

/** Expressions of every kind: arithmetic, aggregates, windows, namespaces, conditions, expressions as arguments, methods that call others. */
const made: Readonly<Record<string, () => Expr>> = {
  column: () => pl.col('a'),
  columns: () => pl.cols('a', 'b').exclude('b'),
  alias: () => pl.col('a').alias('x'),
  affixes: () => pl.col('a').prefix('p_').suffix('_s'),
  arithmetic: () => pl.col('a').add(pl.col('b').mul(2)).sub(pl.lit(1).cast(pl.Int64)).div(pl.col('c')).modulo(7),
  comparison: () =>
    pl
      .col('a')
      .gtEq(1)
      .and(pl.col('b').lt(pl.col('c')))
      .and(pl.col('c').isNotNull())
      .or(pl.col('d').eq(pl.lit('x'))),
  cast: () => pl.col('a').cast(pl.Float64, true).round(2),
  condition: () => pl.when(pl.col('a').gt(0)).then(pl.col('b').sum()).otherwise(pl.lit(null)).alias('w'),
  text: () => pl.col('t').str.toUpperCase().str.contains('^A').not(),
  date: () => pl.col('d').dt.year().sub(pl.col('d').dt.month()),
  list: () => pl.col('l').lst.get(0).add(pl.col('l').list.lengths()),
  struct: () => pl.col('s').struct.field('x').struct.renameFields(['y']),
  window: () => pl.col('a').cumSum().over('g', 'h'),
  rolling: () => pl.col('a').rollingMean({ windowSize: 3 }).shift(1).fillNull(0),
  sorted: () =>
    pl
      .col('a')
      .sortBy([pl.col('b'), pl.col('c')], [true, false])
      .first(),
  quantile: () => pl.col('a').quantile(pl.lit(0.5)),
  sample: () => pl.col('a').sample({ n: 2, seed: 1 }),
  replaced: () => pl.col('a').replace([1], [2]),
  isIn: () => pl.col('a').isIn([1, 2]),
  concatenated: () => pl.concatString([pl.col('a'), pl.col('b')], '-'),
}

const texts = () => Object.fromEntries(Object.entries(made).map(([name, make]) => [name, make().toString()]))

test('shareExpressionMembers changes how expressions are made, not what they are', async () => {
  const before = pl.col('a')
  // Fails when the vendor's become cheap: then this file and its subject can go.
  expect(Object.getOwnPropertyNames(before).length).toBeGreaterThan(100)
  const vendors = texts()
  expect(await loadPolars()).toBe(pl)
  shareExpressionMembers()
  const after = pl.col('a')
  expect(Object.getOwnPropertyNames(after)).toEqual(['_expr'])
  expect(texts()).toEqual(vendors)
  const members = Reflect.ownKeys(before).filter((name) => name !== '_expr')
  expect(members.filter((name) => typeof Reflect.get(before, name) !== typeof Reflect.get(after, name))).toEqual([])
  expect([before.add(after).toString(), after.add(before).toString()]).toEqual(['[(col("a")) + (col("a"))]', '[(col("a")) + (col("a"))]'])
  expect([pl.Expr.isExpr(after), JSON.stringify(after)]).toEqual([true, JSON.stringify(before)])
})

test('shareExpressionMembers leaves methods that can be taken off, and go on after one has thrown', async () => {
  await loadPolars()
  const [a, b] = [pl.col('a'), pl.col('b')]
  const { alias } = a
  expect(() => b.rollingSum({} as never)).toThrow('window size is required')
  expect([alias('x'), ...[b].map(a.add)].map(String)).toEqual(['col("a").alias("x")', '[(col("a")) + (col("b"))]'])
})
