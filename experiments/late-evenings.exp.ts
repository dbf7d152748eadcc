/**
 * Do delays pile up through the day? A late aircraft makes its next flight late, so the share of late flights should grow from the morning on, and the night should clear
 * it. 20,000 US flights of 2001 say so.
 */

import pl from 'nodejs-polars'
import { between, experiment, fixture, notNull, rowCount, sql, unique, warn } from '#millrace'

export default experiment({
  inputs: {
    flight: fixture('fixtures/flights/bts/flights-20k.json'),
  },
  cells: {
    departure: sql`
      SELECT strptime(date, '%Y/%m/%d %H:%M') AS departed, origin, destination, CAST(delay AS INTEGER) AS delay_min
      FROM flight`,
    hours: sql`
      SELECT CAST(hour(departed) AS INTEGER) AS hour, count(*) AS flights, count(*) FILTER (delay_min >= 15) AS late
      FROM departure GROUP BY ALL`,
    shares: ({ hours }) =>
      hours
        .filter(pl.col('flights').gtEq(pl.lit(100).cast(pl.Int64)))
        .withColumns(pl.col('late').cast(pl.Float64).div(pl.col('flights').cast(pl.Float64)).round(3).alias('late_share')),
  },
  checks: {
    departure: [notNull('departed', 'origin', 'destination'), between('delay_min', -120, 1440)],
    hours: [unique('hour'), between('hour', 0, 23), warn(rowCount({ min: 24 }))],
    shares: [between('late_share', 0, 1)],
  },
  show: {
    departure: { orderBy: ['-delay_min', 'departed', 'origin'], rows: 5 },
    shares: { orderBy: ['hour'], rows: 24 },
  },
})
