import pl, { type LazyDataFrame } from 'nodejs-polars'

const DAYS = 3

/** Adds `energy_3d`: the energy of a region on the day and the two before it. In and out: one row for each (region, day), any order. */
export function rollingEnergy(daily: LazyDataFrame): LazyDataFrame {
  const before = daily.select(pl.col('region'), pl.col('day').alias('before'), pl.col('energy').alias('energy_before'))
  const days = pl.col('day').cast(pl.Int32).sub(pl.col('before').cast(pl.Int32))
  const rolled = daily
    .select(pl.col('region'), pl.col('day'))
    .join(before, { on: 'region' })
    .filter(days.gtEq(pl.lit(0).cast(pl.Int32)).and(days.lt(pl.lit(DAYS).cast(pl.Int32))))
    .groupBy(['region', 'day'])
    .agg(pl.col('energy_before').sum().alias('energy_3d'))
  return daily.join(rolled, { on: ['region', 'day'] })
}
