import { config, local, postgres, secret } from '#millrace'

// The benchmark says where its two servers are.
const { BENCH_FROM = '0', BENCH_TO = '0', BENCH_WORK = '' } = process.env
const server = (port: string) =>
  postgres({ host: '127.0.0.1', port: Number(port), database: 'postgres', user: 'postgres', password: secret('env:BENCH_PASSWORD') })

export default config({
  profiles: {
    dev: {
      connections: { shop: server(BENCH_FROM) },
      warehouse: server(BENCH_TO),
      landing: local(`${BENCH_WORK}/landing`),
      store: local(`${BENCH_WORK}/export`),
      state: `${BENCH_WORK}/state`,
      limits: { memory: '1GB', threads: 2 },
    },
  },
})
