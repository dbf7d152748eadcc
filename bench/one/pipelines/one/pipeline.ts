/** One row of CSV to the warehouse: what a start costs. */
import { pipeline, replace, source } from '#millrace'
import { schema } from './schema.ts'

export default pipeline({
  name: 'one',
  schema,
  extract: { row: source('data').files('row.csv') },
  load: { row: replace('row') },
})
