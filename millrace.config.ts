import { config, duckdb, files, http, local } from '#millrace'

export default config({
  profiles: {
    // Needs nothing outside the checkout: fixtures as sources, "now" at the end of each fixture.
    dev: {
      connections: {
        usgs: http({ start: async () => (await import('./fixtures/quakes/server.ts')).serveQuakes({ pageLimit: 200 }) }),
        nycflights13: files('fixtures/weather/nycflights13'),
        bts: files('fixtures/flights/bts'),
        // What `millrace init` makes reads from here.
        fixtures: files('fixtures'),
      },
      warehouse: duckdb('.millrace/dev/warehouse.duckdb'),
      landing: local('.millrace/dev/landing'),
      store: local('.millrace/dev/export'),
      now: { quakes: '2018-02-07T01:30:00Z', weather: '2014-01-02T00:00:00Z', flights: '2001-04-01T00:00:00Z' },
    },
    // The real service; files where the scheduler puts them.
    prod: () => ({
      connections: {
        usgs: http({ baseUrl: 'https://earthquake.usgs.gov/', rate: { perSecond: 2, concurrency: 1 } }),
        nycflights13: files('/srv/data/nycflights13'),
        bts: files('/srv/data/bts'),
      },
      warehouse: duckdb('/srv/millrace/warehouse.duckdb'),
      landing: local('/srv/millrace/landing'),
      store: local('/srv/millrace/export'),
      state: '/srv/millrace/state',
    }),
  },
})
