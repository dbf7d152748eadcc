import { contract } from '#millrace'

/** One row for each station and UTC day. `hours` were observed, mostly 24; those without a measured gust have none. Winds beyond 200 mph are errors of measurement, and left out. */
export const climateContract = contract({
  formulas: 'reject',
  columns: {
    origin: 'text',
    airport: 'text',
    day: 'date',
    hours: 'int64',
    temp_min_f: 'float64',
    temp_max_f: 'float64',
    wind_max_mph: 'float64',
    gust_max_mph: 'float64',
    gust_share: 'float64',
    precip_in: 'decimal(12,4)',
  },
  orderBy: ['day', 'origin'],
  round: { wind_max_mph: 4, gust_max_mph: 4, gust_share: 4 },
})
