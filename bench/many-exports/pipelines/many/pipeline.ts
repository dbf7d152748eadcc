/** One small dataset into many files. */
import { contract, csv, pipeline, source } from '#millrace'
import { schema } from './schema.ts'

const terms = contract({ columns: schema.small, orderBy: ['id'], formulas: 'raw' })

export default pipeline({
  name: 'many',
  schema,
  extract: { small: source('data').files('small.csv') },
  export: { small: Array.from({ length: Number(process.env.BENCH_EXPORTS ?? 10) }, (_, i) => csv(`small/p${i}.csv`, { contract: terms })) },
})
