import { contract } from '#millrace'

/**
 * One row for each airport of departure and month of departure, by that airport's clock. Delays are those of ARRIVAL, in minutes, negative where a flight was early: so the source
 * defines them (vega-datasets, scripts/flights.py: `ArrDelay` of the Bureau of Transportation Statistics, without cancelled flights). Late is 15 minutes and more.
 */
export const delayContract = contract({
  formulas: 'reject',
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

/** Bands of 250 miles over the whole sample, with the same delays. */
export const distanceContract = contract({
  formulas: 'reject',
  columns: { distance_from_mi: 'int32', flights: 'int64', mean_delay_min: 'float64', late_share: 'float64' },
  orderBy: ['distance_from_mi'],
  round: { mean_delay_min: 3, late_share: 5 },
})
