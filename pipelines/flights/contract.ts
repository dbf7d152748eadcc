import { contract } from '#millrace'

/** One row for each airport of departure and month; late is 15 minutes and more. */
export const delayContract = contract({
  columns: {
    month: 'text',
    origin: 'text',
    airport: 'text',
    flights: 'int64',
    mean_delay_min: 'float64',
    worst_delay_min: 'int32',
    late_share: 'float64',
    miles: 'int64',
  },
  orderBy: ['origin'],
  round: { mean_delay_min: 2, late_share: 4 },
})

/** Bands of 250 miles over the whole sample. */
export const distanceContract = contract({
  columns: { distance_from_mi: 'int32', flights: 'int64', mean_delay_min: 'float64', late_share: 'float64' },
  orderBy: ['distance_from_mi'],
  round: { mean_delay_min: 3, late_share: 5 },
})
