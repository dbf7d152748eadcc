// written by `millrace plan flights`; commit it
export const schema = {
  'flight.source': { date: 'text', delay: 'int32', distance: 'int32', origin: 'text', destination: 'text' },
  flight: { departed: 'timestamp', origin: 'text', destination: 'text', delay_min: 'int32', distance_mi: 'int32' },
  airport: { faa: 'text', name: 'text', lat: 'float64', lon: 'float64', alt: 'int64', tz: 'int64', dst: 'text', tzone: 'text' },
  sample: { delay: 'int16', distance: 'int16', time: 'float32' },
  delays: {
    month: 'text',
    origin: 'text',
    airport: 'text',
    flights: 'int64',
    mean_delay_min: 'float64',
    worst_delay_min: 'int32',
    late_share: 'float64',
    miles: 'int64',
  },
  by_distance: { distance_from_mi: 'int32', flights: 'int64', mean_delay_min: 'float64', late_share: 'float64' },
} as const
