/** Days of lineitem: landed, computed, loaded. */
import { day, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'

export default pipeline({
  name: 'history',
  schema,
  partition: day({ from: '1992-01-01' }),
  extract: { lineitem: source('data').files('{partition}.csv') },
  transform: { priced: sql.file('history.sql') },
  load: { priced: replacePartition('priced') },
})
