import { resolve } from 'node:path'
import { config, duckdb, files, gcs, http, local, postgres, secret } from '#millrace'

export default config({
  profiles: {
    // Needs nothing outside the checkout: fixtures as sources, "now" at the end of each fixture.
    dev: {
      connections: {
        usgs: http({ start: async () => (await import('./fixtures/quakes/server.ts')).serveQuakes({ pageLimit: 200 }) }),
        nycflights13: files('fixtures/weather/nycflights13'),
        bts: files('fixtures/flights/bts'),
        // A PostgreSQL of the checkout's own, filled at its first start, stopped at the end of the run.
        sakila: postgres({
          start: async () => (await import('./fixtures/rentals/server.ts')).serveSakila(resolve('.millrace/dev/sakila')),
          database: 'sakila',
          user: 'postgres',
          password: 'millrace-dev',
        }),
        // What `millrace init` makes reads from here.
        fixtures: files('fixtures'),
      },
      warehouse: duckdb('.millrace/dev/warehouse.duckdb'),
      landing: local('.millrace/dev/landing'),
      store: local('.millrace/dev/export'),
      now: {
        quakes: '2018-02-07T01:30:00Z',
        weather: '2014-01-02T00:00:00Z',
        flights: '2001-04-01T00:00:00Z',
        rentals: '2006-03-01T00:00:00Z',
      },
    },
    // The real services; files where the scheduler puts them. Every password is looked up when it is used, and never printed.
    prod: () => ({
      connections: {
        usgs: http({ baseUrl: 'https://earthquake.usgs.gov/', rate: { perSecond: 2, concurrency: 1 } }),
        nycflights13: files('/srv/data/nycflights13'),
        bts: files('/srv/data/bts'),
        sakila: postgres({
          host: 'sakila.example.com',
          database: 'sakila',
          user: 'millrace_reader',
          password: secret('env:SAKILA_PASSWORD'),
          maxConnections: 4,
        }),
      },
      warehouse: postgres({
        host: 'warehouse.example.com',
        database: 'analytics',
        user: 'millrace_loader',
        password: secret('env:WAREHOUSE_PASSWORD'),
        schema: 'mart',
      }),
      landing: local('/srv/millrace/landing'),
      store: gcs({ bucket: 'example-deliveries', prefix: 'millrace' }),
      state: '/srv/millrace/state',
    }),
  },
})
