/** Hourly weather at the New York airports in 2013: a climate mart with daily extremes and the share of gusty hours. */
import { between, csv, month, notNull, pipeline, references, replacePartition, rowCount, source, sql, unique, warn } from '#millrace'
import { climateContract } from './contract.ts'
import { schema } from './schema.ts'

export default pipeline({
  name: 'weather',
  schema,
  partition: month({ from: '2013-01', to: '2014-01' }),

  extract: {
    // time_hour is the hour's UTC instant. The local clock columns (year, month, day, hour) say 01:00 twice on 3 November 2013.
    observation: source('nycflights13').files('weather.csv', { nulls: ['NA', ''], window: 'time_hour' }),
    airport: source('nycflights13').files('airports.csv', { nulls: ['NA', '', '\\N'] }),
  },
  transform: {
    climate: sql.file('climate.sql'),
  },
  check: {
    observation: [
      notNull('origin', 'time_hour'),
      unique('origin', 'time_hour'),
      references('origin', 'airport', 'faa'),
      between('humid', 0, 100),
      warn(between('wind_speed', 0, 200)),
      rowCount({ min: 1 }),
    ],
    // A code that came twice would double the station's hours in the join.
    airport: [notNull('faa'), unique('faa')],
    climate: [
      notNull('origin', 'airport', 'day'),
      unique('origin', 'day'),
      sql`temp_min_f <= temp_max_f`,
      between('temp_min_f', -40, 120),
      between('temp_max_f', -40, 120),
      between('wind_max_mph', 0, 200),
      between('gust_max_mph', 0, 200),
      between('gust_share', 0, 1),
      between('precip_in', 0, 30),
      warn(between('hours', 23, 24)),
    ],
  },
  load: {
    climate: replacePartition('station_climate'),
  },
  export: {
    climate: csv('weather/climate/{partition}.csv', { contract: climateContract }),
  },
})
