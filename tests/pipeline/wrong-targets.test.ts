import { testWrongPipelines } from './wrong-pipelines.ts'

testWrongPipelines([
  [
    'check-column',
    "notNull('day')",
    "notNull('dya')",
    'error: check-column check daily: notNull(dya): "daily" has no column "dya"; did you mean "day"?',
  ],
  [
    'check-dataset',
    'check: { daily:',
    'check: { dayly:',
    'error: check-dataset check dayly: unknown dataset "dayly"; did you mean "daily"?; there are: sale, customer, customer.changes, shop, daily, named',
  ],
  [
    'check-family',
    "notNull('day')",
    "between('day', 0, 1)",
    'error: check-family check daily: between(day, 0, 1): column "day" is date; expected a number',
  ],
  [
    'check-pattern',
    "check: { daily: [notNull('day')] }",
    "check: { shop: [matches('name', /(?=a)/)] }",
    `error: check-pattern check shop: matches(name, /(?=a)/): RE2 refuses the pattern: invalid perl operator: (?= (column "name")\n  hint: RE2 has no lookahead, lookbehind and backreferences; (?P<name>…) names a group and \\x{e9} a character`,
  ],
  [
    'check-reference',
    "notNull('day')",
    "references('day', 'shops', 'code')",
    'error: check-reference check daily: references(day, shops.code): there is no dataset "shops"; did you mean "shop"?',
  ],
  [
    'check-expression',
    "notNull('day')",
    'sql`amount`',
    'error: check-expression check daily: sql(amount): gives DECIMAL(38,2), not BOOLEAN',
  ],
  [
    'replace-partitioned',
    "replacePartition('fct_daily')",
    "replace('fct_daily')",
    `error: replace-partitioned load daily: replace('fct_daily') on a partitioned dataset would leave only the last partition\n  hint: use replacePartition('fct_daily') or merge('fct_daily', { key })`,
  ],
  [
    'partition-of-none',
    "customer: merge('dim_customer', { key: 'id' })",
    "named: replacePartition('named')",
    `error: partition-of-none load named: replacePartition('named') on a dataset without partitions has no partition to replace\n  hint: use replace('named')`,
  ],
  [
    'append-state',
    "replacePartition('fct_daily')",
    "append('fct_daily')",
    `error: append-state load daily: append('fct_daily') on a dataset that is not computed from changes would double its rows on a rerun\n  hint: read "<dataset>.changes" in the transform, or use merge or replacePartition`,
  ],
  [
    'merge-key',
    "merge('dim_customer', { key: 'id' })",
    "merge('dim_customer', { key: 'nr' })",
    'error: merge-key load customer: merge into "dim_customer" has no key column "nr"; there are id, name, changed',
  ],
  [
    'contract-column',
    "amount: 'decimal(38,2)' }, orderBy",
    "amount: 'decimal(38,2)', tax: 'float64' }, orderBy",
    'error: contract-column export daily daily/{partition}.csv: contract column "tax" is not in the dataset; it has day, amount',
  ],
  [
    'contract-type',
    "amount: 'decimal(38,2)' }, orderBy",
    "amount: 'float64' }, orderBy",
    'error: contract-type export daily daily/{partition}.csv: contract column "amount" is float64, but the dataset has decimal(38,2)',
  ],
  [
    'order-column',
    "orderBy: ['day']",
    "orderBy: ['month']",
    'error: order-column export daily daily/{partition}.csv: orderBy names "month", which is no column of the contract',
  ],
  [
    'path-partition',
    "'daily/{partition}.csv'",
    "'daily.csv'",
    `error: path-partition export daily: export path "daily.csv" of a partitioned dataset needs {partition}: each partition would replace the last one's file`,
  ],
  [
    'path-placeholder',
    "'daily/{partition}.csv'",
    "'daily/{partition}-{day}.csv'",
    'error: path-placeholder export daily: export path "daily/{partition}-{day}.csv" has an unknown placeholder {day}; expected {partition}',
  ],
  [
    'path-shared',
    "export: { daily: csv('daily/{partition}.csv', { contract: perDay }) }",
    "export: { daily: [csv('daily/{partition}.csv', { contract: perDay }), csv('daily/{partition}.txt', { contract: perDay })] }",
    'error: path-shared export daily: "daily/{partition}.txt" and "daily/{partition}.csv" of daily would share the folder daily/{partition}/ of their deliveries; give one another name',
  ],
  [
    'path-temporary',
    "'daily/{partition}.csv'",
    "'_tmp/{partition}.csv'",
    'error: path-temporary export daily: export path "_tmp/{partition}.csv" must not begin with _tmp/: what is being written lies there',
  ],
  [
    'path-own',
    "'daily/{partition}.csv'",
    "'.millrace-meta/{partition}.csv'",
    'error: path-own export daily: export path ".millrace-meta/{partition}.csv" must not have ".millrace-meta" in it: names that begin with .millrace- are millrace\'s own',
  ],
  [
    'path-pointer',
    "csv('daily/{partition}.csv', { contract: perDay })",
    "[csv('daily/{partition}.csv', { contract: perDay }), csv('daily/{partition}/latest.json', { contract: perDay, plain: true })]",
    'error: path-pointer export daily: export path "daily/{partition}/latest.json" says ndjson, and is delivered as csv\n  hint: let it end in .csv',
  ],
])
