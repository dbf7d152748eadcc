import { contract } from '#millrace'

/** One row for each region with an earthquake that day (UTC). Energies in joules, rounded: their last digits depend on the order of addition. */
export const summaryContract = contract({
  columns: {
    day: 'date',
    region: 'text',
    quakes: 'int64',
    strong_quakes: 'int64',
    strongest: 'float64',
    mean_depth_km: 'float64',
    energy: 'float64',
    energy_3d: 'float64',
  },
  orderBy: ['day', 'region'],
  round: { mean_depth_km: 3, energy: 0, energy_3d: 0 },
})

/** Every quake of magnitude 4.5 and more that day; a day without any gives a file with the header alone. */
export const strongContract = contract({
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
