import { contract } from '#millrace'

/**
 * One row for each region with an earthquake that day (UTC); explosions and quarry blasts are left out. A region is what follows the last comma of the service's place, with `CA`,
 * `NV` and `MX` written out; `unknown` where there is no place. Energies in whole joules; `energy_3d` is of the day and the two before it. A complete day is delivered as it was
 * first read; the service's later revisions come with a new delivery of the day, when it is refreshed.
 */
export const summaryContract = contract({
  formulas: 'reject',
  columns: {
    day: 'date',
    region: 'text',
    quakes: 'int64',
    strong_quakes: 'int64',
    strongest: 'float64',
    mean_depth_km: 'float64',
    energy: 'decimal(38,0)',
    energy_3d: 'decimal(38,0)',
  },
  orderBy: ['day', 'region'],
  round: { mean_depth_km: 3 },
})

/** The earthquakes that the summary's `strong_quakes` counts: magnitude 4.5 and more, no explosions. A day without any gives the header alone. Revised as the summary is. */
export const strongContract = contract({
  formulas: 'reject',
  columns: {
    id: 'text',
    time: 'timestamptz',
    magnitude: 'float64',
    depth_km: 'float64',
    latitude: 'float64',
    longitude: 'float64',
    region: 'text',
    place: 'text',
  },
  orderBy: ['time', 'id'],
  zeroRows: 'headerOnly',
})
