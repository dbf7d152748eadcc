/**
 * Earthquakes of the USGS event service: a daily summary for each region with its 3-day energy, and the strong ones.
 *
 * A complete day stays as it was first read. The service revises events for weeks: `millrace run quakes --from … --to … --refresh` reads days again and delivers what changed.
 */
import { between, csv, day, merge, notNull, pipeline, replacePartition, source, sql, unique } from '#millrace'
import { strongContract, summaryContract } from './contract.ts'
import { rollingEnergy } from './rolling-energy.ts'
import { schema } from './schema.ts'

// What follows the last comma: "4km W of Castaic, CA" gives "CA"; "Reykjanes Ridge" is its own region.
const lastPart = "nullif(trim(regexp_extract(properties.place, '[^,]*$')), '')"

export default pipeline({
  name: 'quakes',
  schema,
  partition: day({ from: '2018-01-31' }),
  parameters: { strong: 4.5 },

  extract: {
    quake: source('usgs').get('fdsnws/event/1/query', {
      query: { format: 'geojson', starttime: '{start}', endtime: '{end}', orderby: 'time-asc' },
      rows: 'features',
      // The service allows 20,000; 200 keeps paging at work on the fixture, whose days have up to 301 events, and an ordinary live day takes two requests.
      paging: { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 200, first: 1 },
      window: 'time',
      lookback: '2d',
      columns: {
        id: 'id',
        time: 'make_timestamptz(properties.time * 1000)',
        updated: 'make_timestamptz(properties.updated * 1000)',
        magnitude: 'properties.mag',
        kind: 'properties.type',
        place: 'properties.place',
        // Both "CA" and "California" come; an event without a place must not stop its day.
        region: `coalesce(MAP {'CA': 'California', 'NV': 'Nevada', 'MX': 'Mexico'}[${lastPart}], ${lastPart}, 'unknown')`,
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
      FROM quake WHERE kind = 'earthquake' AND magnitude >= $strong`,
  },
  check: {
    quake: [
      notNull('id', 'time', 'region'),
      unique('id'),
      between('latitude', -90, 90),
      between('longitude', -180, 180),
      between('depth_km', -10, 1000),
      between('magnitude', -3, 10),
      sql`time <= updated`,
    ],
    summary: [notNull('region', 'day'), unique('region', 'day'), sql`energy_3d >= energy`],
    strong: [notNull('id', 'magnitude'), sql`magnitude >= $strong`],
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
