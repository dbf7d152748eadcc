/** Domestic US flights of 2001: a delay mart by month and airport, and delays by distance over the whole sample. */
import { between, csv, month, notNull, pipeline, replace, replacePartition, rowCount, source, sql, unique } from '#millrace'
import { delayContract, distanceContract } from './contract.ts'
import { schema } from './schema.ts'

export default pipeline({
  name: 'flights',
  schema,
  partition: month({ from: '2001-01', to: '2001-04' }),

  extract: {
    flight: source('bts').files('flights-20k.json', {
      window: 'departed',
      columns: {
        // "2001/01/01 00:47", the airport's own clock: a timestamp without a zone.
        departed: "strptime(date, '%Y/%m/%d %H:%M')",
        origin: 'origin',
        destination: 'destination',
        delay_min: 'delay',
        distance_mi: 'distance',
      },
    }),
    airport: source('nycflights13').files('airports.csv', { nulls: ['NA', '', '\\N'] }),
    sample: source('bts').files('flights-200k.arrow'),
  },
  transform: {
    delays: sql.file('delays.sql'),
    by_distance: sql`
      SELECT CAST(floor(distance / 250) * 250 AS INTEGER) AS distance_from_mi, count(*) AS flights, avg(delay) AS mean_delay_min,
        count(*) FILTER (delay >= 15) / count(*) AS late_share
      FROM sample GROUP BY ALL`,
  },
  check: {
    flight: [
      notNull('departed', 'origin', 'destination', 'delay_min', 'distance_mi'),
      between('delay_min', -180, 2880),
      between('distance_mi', 1, 6000),
      rowCount({ min: 1 }),
    ],
    // A code that came twice would double its flights in the join.
    airport: [notNull('faa'), unique('faa')],
    sample: [notNull('delay', 'distance'), between('delay', -180, 2880), between('distance', 1, 6000), rowCount({ min: 1 })],
    delays: [notNull('month', 'origin', 'flights'), unique('origin'), between('late_share', 0, 1)],
    by_distance: [notNull('distance_from_mi'), unique('distance_from_mi'), between('late_share', 0, 1)],
  },
  load: {
    flight: replacePartition('flight'),
    delays: replacePartition('flight_delays'),
    by_distance: replace('delays_by_distance'),
  },
  export: {
    delays: csv('flights/delays/{partition}.csv', { contract: delayContract }),
    by_distance: csv('flights/delays-by-distance.csv', { contract: distanceContract, plain: true }),
  },
})
