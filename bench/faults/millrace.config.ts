import { config, local, postgres, secret } from '#millrace'

// The benchmark says where its servers are, and what is wrong with them.
const { BENCH_SOURCE = '', BENCH_WAREHOUSE = '', BENCH_WORK = '' } = process.env
const server = (database: string, options: string) =>
  postgres({ host: '127.0.0.1', database, user: 'postgres', password: secret('env:BENCH_PASSWORD'), ...JSON.parse(options || '{}') })

export default config({
  profiles: {
    dev: {
      connections: { shop: server('shop', BENCH_SOURCE) },
      warehouse: server('mart', BENCH_WAREHOUSE),
      landing: local(`${BENCH_WORK}/landing`),
      store: local(`${BENCH_WORK}/export`),
      state: `${BENCH_WORK}/state`,
      limits: { memory: '1GB', threads: 2 },
    },
  },
})
