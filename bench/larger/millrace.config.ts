import { config, duckdb, files, local } from '#millrace'

// The benchmark says where its data lies; memory and threads are options of its run.
const { BENCH_DATA = '', BENCH_WORK = '' } = process.env

export default config({
  profiles: {
    dev: {
      connections: { data: files(BENCH_DATA) },
      warehouse: duckdb(`${BENCH_WORK}/warehouse.duckdb`),
      landing: local(`${BENCH_WORK}/landing`),
      store: local(`${BENCH_WORK}/export`),
      state: `${BENCH_WORK}/state`,
      // On a machine that others use the read of 13 GB may take long.
      limits: { readerTimeout: '6h' },
    },
  },
})
