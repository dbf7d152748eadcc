import { config, duckdb, files, local } from '#millrace'

// The benchmark says where its data lies and what the engines may use.
const { BENCH_DATA = '', BENCH_WORK = '', BENCH_MEMORY = '2GB', BENCH_THREADS = '2' } = process.env

export default config({
  profiles: {
    dev: {
      connections: { data: files(BENCH_DATA) },
      warehouse: duckdb(`${BENCH_WORK}/warehouse.duckdb`),
      landing: local(`${BENCH_WORK}/landing`),
      store: local(`${BENCH_WORK}/export`),
      state: `${BENCH_WORK}/state`,
      limits: { memory: BENCH_MEMORY, threads: Number(BENCH_THREADS) },
      now: '1993-01-01T00:00:00Z',
    },
  },
})
