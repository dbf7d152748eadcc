/** A Parquet file into a table of PostgreSQL. */
import { pipeline, replace, source } from '#millrace'
import { LINEITEM } from '../../../lineitem.ts'

export default pipeline({
  name: 'push',
  schema: { lineitem: LINEITEM },
  extract: { lineitem: source('data').files('lineitem.parquet') },
  load: { lineitem: replace('lineitem') },
})
