import { config, files, local, postgres } from '#millrace'

// The benchmark says where its server and its data are, and what each engine may use.
const {
  BENCH_DATA = '',
  BENCH_WORK = '',
  BENCH_PORT = '',
  BENCH_PASSWORD = '',
  BENCH_MEMORY = '256MB',
  BENCH_EXTENSION = 'yes',
  BENCH_CONNECTIONS = '1',
} = process.env

const server = (database: string) =>
  postgres({
    ...{ host: '127.0.0.1', port: Number(BENCH_PORT), database, user: 'postgres', password: BENCH_PASSWORD },
    extension: BENCH_EXTENSION === 'yes',
    ...(database === 'mart' && { maxConnections: Number(BENCH_CONNECTIONS) }),
  })

export default config({
  profiles: {
    dev: {
      connections: { shop: server('shop'), data: files(BENCH_DATA) },
      warehouse: server('mart'),
      landing: local(`${BENCH_WORK}/landing`),
      store: local(`${BENCH_WORK}/export`),
      state: `${BENCH_WORK}/state`,
      limits: { memory: BENCH_MEMORY, threads: 2 },
    },
  },
})
