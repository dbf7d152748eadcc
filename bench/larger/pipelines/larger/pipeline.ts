/** More rows than memory holds: a join with a big dimension, a sort, an aggregate of many groups, a merge by key, two ordered CSV files. */
import { between, contract, csv, merge, notNull, pipeline, source, sql, unique } from '#millrace'
import { schema } from './schema.ts'

const { l_orderkey, l_linenumber, o_custkey, l_shipdate, l_extendedprice } = schema.priced

export default pipeline({
  name: 'larger',
  schema,
  extract: {
    lineitem: source('data').files('lineitem.csv'),
    orders: source('data').files('orders.csv'),
  },
  transform: {
    priced: sql.file('priced.sql'),
    quarterly: sql.file('quarterly.sql'),
  },
  check: {
    priced: [notNull('l_orderkey', 'l_linenumber', 'o_custkey'), unique('l_orderkey', 'l_linenumber'), between('l_discount', 0, 0.1)],
    quarterly: [unique('o_custkey', 'quarter')],
  },
  load: { quarterly: merge('quarterly', { key: ['o_custkey', 'quarter'] }) },
  export: {
    priced: csv('priced.csv', {
      contract: contract({
        formulas: 'raw',
        columns: { l_orderkey, l_linenumber, o_custkey, l_shipdate, l_extendedprice },
        orderBy: ['l_orderkey', 'l_linenumber'],
      }),
    }),
    quarterly: csv('quarterly.csv', {
      contract: contract({ formulas: 'raw', columns: schema.quarterly, orderBy: ['o_custkey', 'quarter'] }),
    }),
  },
})
