/** Earthquakes of the USGS event service: a daily summary for each region with its 3-day energy, and the strong ones. */
import { between, csv, day, merge, notNull, pipeline, replacePartition, source, sql, unique } from '#millrace'
import { strongContract, summaryContract } from './contract.ts'
import { rollingEnergy } from './rolling-energy.ts'
import { schema } from './schema.ts'

export default pipeline({
  name: 'quakes',
  schema,
  partition: day({ from: '2018-01-31' }),
  parameters: { strong: 4.5 },

  extract: {
    quake: source('usgs').get('fdsnws/event/1/query', {
      query: { format: 'geojson', starttime: '{start}', endtime: '{end}', orderby: 'time-asc' },
      rows: 'features',
      paging: { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 100, first: 1 },
      window: 'time',
      lookback: '2d',
      columns: {
        id: 'id',
        time: 'make_timestamptz(properties.time * 1000)',
        updated: 'make_timestamptz(properties.updated * 1000)',
        magnitude: 'properties.mag',
        kind: 'properties.type',
        place: 'properties.place',
        // "4km W of Castaic, CA" lies in CA; "Reykjanes Ridge" is its own region.
        region: "trim(regexp_extract(properties.place, '[^,]*$'))",
        longitude: 'geometry.coordinates[1]',
        latitude: 'geometry.coordinates[2]',
        depth_km: 'geometry.coordinates[3]',
        tsunami: 'properties.tsunami = 1',
        network: 'properties.net',
      },
    }),
  },
  transform: {
    daily: sql.file('daily.sql', { window: 'day' }),
    summary: { frame: ({ daily }) => rollingEnergy(daily), window: 'day' },
    strong: sql.with({ window: 'time' })`
      SELECT id, time, magnitude, depth_km, latitude, longitude, region, place
      FROM quake WHERE magnitude >= $strong`,
  },
  check: {
    quake: [
      notNull('id', 'time', 'region'),
      unique('id'),
      between('latitude', -90, 90),
      between('magnitude', -3, 10),
      sql`time <= updated`,
    ],
    summary: [notNull('region', 'day'), unique('region', 'day'), sql`energy_3d >= energy`],
    strong: [notNull('id', 'magnitude'), between('magnitude', 4.5, 10)],
  },
  load: {
    quake: merge('quake', { key: 'id' }),
    summary: replacePartition('quake_daily'),
  },
  export: {
    summary: csv('quakes/daily/{partition}.csv', { contract: summaryContract, plain: true }),
    strong: csv('quakes/strong/{partition}.csv', { contract: strongContract }),
  },
})
