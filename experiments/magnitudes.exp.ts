/**
 * How many more small earthquakes are there than large ones? Gutenberg and Richter: about ten times as many for each step of magnitude. A week of the USGS feed says so
 * between 2 and 5; below 2 most quakes of the world are not noticed.
 */

import pl from 'nodejs-polars'
import { accepted, between, experiment, fixture, notNull, sql, unique } from '#millrace'

export default experiment({
  inputs: {
    feed: fixture('fixtures/quakes/usgs/earthquakes.json', { format: 'json' }),
  },
  cells: {
    quake: sql`
      SELECT feature.id, feature.properties.mag AS magnitude, feature.properties.type AS kind, feature.properties.place AS place
      FROM (SELECT unnest(features) AS feature FROM feed)
      WHERE feature.properties.type = 'earthquake' AND feature.properties.mag IS NOT NULL`,
    classes: sql`
      SELECT CAST(floor(magnitude) AS INTEGER) AS magnitude_from, count(*) AS quakes
      FROM quake WHERE magnitude >= 0 GROUP BY ALL`,
    ratios: ({ classes }) => {
      const above = classes.select(
        pl.col('magnitude_from').sub(pl.lit(1).cast(pl.Int32)).alias('magnitude_from'),
        pl.col('quakes').alias('quakes_above'),
      )
      return classes
        .join(above, { on: 'magnitude_from' })
        .withColumns(pl.col('quakes').cast(pl.Float64).div(pl.col('quakes_above')).round(2).alias('times_as_many'))
    },
  },
  checks: {
    quake: [unique('id'), notNull('magnitude'), accepted('kind', ['earthquake'])],
    classes: [unique('magnitude_from')],
    ratios: [between('times_as_many', 0, 100)],
  },
  show: {
    quake: { orderBy: ['-magnitude', 'id'], rows: 5 },
    ratios: { orderBy: ['magnitude_from'] },
  },
})
