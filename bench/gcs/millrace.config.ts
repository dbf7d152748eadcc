import { config, duckdb, files, gcs, local } from '#millrace'

// The benchmark says where its data and its server are, and what each engine may use.
const { BENCH_DATA = '', BENCH_WORK = '', BENCH_GCS = '', BENCH_MEMORY = '256MB' } = process.env

export default config({
  profiles: {
    dev: {
      connections: { data: files(BENCH_DATA) },
      warehouse: duckdb(`${BENCH_WORK}/warehouse.duckdb`),
      landing: local(`${BENCH_WORK}/landing`),
      store: gcs({ bucket: 'bucket', prefix: 'millrace', apiEndpoint: BENCH_GCS }),
      state: `${BENCH_WORK}/state`,
      limits: { memory: BENCH_MEMORY, threads: 2 },
    },
  },
})
