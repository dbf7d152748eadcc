/** A Parquet file to CSV in a bucket. */
import { contract, csv, pipeline, source } from '#millrace'
import { LINEITEM } from '../../../lineitem.ts'

export default pipeline({
  name: 'upload',
  schema: { lineitem: LINEITEM },
  extract: { lineitem: source('data').files('lineitem.parquet') },
  export: {
    lineitem: csv('lineitem.csv', {
      contract: contract({ columns: LINEITEM, orderBy: ['l_orderkey', 'l_linenumber'], formulas: 'raw' }),
    }),
  },
})
