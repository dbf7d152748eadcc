// Written by `millrace plan forward`.
export const schema = {
  lineitem: {
    l_orderkey: 'int64',
    l_partkey: 'int64',
    l_suppkey: 'int64',
    l_linenumber: 'int32',
    l_quantity: 'decimal(15,2)',
    l_extendedprice: 'decimal(15,2)',
    l_discount: 'decimal(15,2)',
    l_tax: 'decimal(15,2)',
    l_returnflag: 'text',
    l_linestatus: 'text',
    l_shipdate: 'date',
    l_commitdate: 'date',
    l_receiptdate: 'date',
    l_shipinstruct: 'text',
    l_shipmode: 'text',
    l_comment: 'text',
  },
} as const
