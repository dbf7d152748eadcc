/** The whole road over one table: CSV, landing, SQL and frame, warehouse, CSV. */
import pl from 'nodejs-polars'
import { accepted, between, contract, csv, notNull, pipeline, replace, source, sql, unique } from '#millrace'
import { schema } from './schema.ts'

export default pipeline({
  name: 'road',
  schema,
  extract: { lineitem: source('data').files('lineitem.csv') },
  transform: {
    priced: sql.file('priced.sql'),
    labelled: ({ priced }) => priced.withColumns(pl.col('l_comment').str.toUpperCase(), pl.col('l_shipmode').str.toLowerCase()),
  },
  check: {
    priced: [
      notNull('l_orderkey', 'l_linenumber'),
      unique('l_orderkey', 'l_linenumber'),
      between('l_discount', 0, 0.1),
      accepted('l_returnflag', ['A', 'N', 'R']),
    ],
  },
  load: { priced: replace('lineitem') },
  export: {
    labelled: csv('lineitem.csv', {
      contract: contract({ formulas: 'raw', columns: schema.labelled, orderBy: ['l_orderkey', 'l_linenumber'] }),
    }),
  },
})
