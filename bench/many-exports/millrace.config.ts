import { config, duckdb, files, local } from '#millrace'

// The benchmark says where it works.
const { BENCH_WORK = '' } = process.env

export default config({
  profiles: {
    dev: {
      connections: { data: files(`${BENCH_WORK}/data`) },
      warehouse: duckdb(`${BENCH_WORK}/warehouse.duckdb`),
      landing: local(`${BENCH_WORK}/landing`),
      store: local(`${BENCH_WORK}/export`),
      state: `${BENCH_WORK}/state`,
      limits: { memory: '1GB', threads: 2 },
    },
  },
})
