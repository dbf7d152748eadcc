import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorReport, errorText } from '../../lib/observe/error-report.ts'
import { plan } from '../../lib/pipeline/plan.ts'
import { openProject, type Project } from '../../lib/pipeline/project.ts'
import { makeProject, type TestProject } from '../kit/project.ts'

/** A right pipeline; each case makes one thing wrong in it. */
const RIGHT = `import { append, accepted, between, contract, csv, day, freshness, keys, matches, merge, month, notNull, pipeline, references, replace, replacePartition, source, sql, udf, unique } from '#millrace'
const schema = {
  sale: { id: 'int32', sold: 'timestamp', shop: 'text', amount: 'decimal(9,2)', lasted: 'interval' },
  customer: { id: 'int32', name: 'text', changed: 'timestamp' },
  shop: { code: 'text', name: 'text' },
}
const perDay = contract({ formulas: 'raw', columns: { day: 'date', amount: 'decimal(38,2)' }, orderBy: ['day'] })
export default pipeline({
  name: '$NAME', schema, partition: day({ from: '2024-01-01' }), parameters: { least: 5 },
  extract: {
    sale: source('data').files('sales.csv', { window: 'sold' }),
    customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id' }),
    shop: source('data').files('shops.csv'),
  },
  transform: {
    daily: sql\`SELECT CAST(sold AS DATE) AS day, sum(amount) AS amount FROM sale GROUP BY ALL\`,
    named: ({ shop }) => shop.select('code', 'name'),
  },
  check: { daily: [notNull('day')] },
  load: { daily: replacePartition('fct_daily'), customer: merge('dim_customer', { key: 'id' }) },
  export: { daily: csv('daily/{partition}.csv', { contract: perDay }) },
})
`

/** [what is wrong, what stands there, what is put in its place, the whole error that a person sees]. */
const CASES: readonly (readonly [string, string, string, string])[] = [
  [
    'connection',
    "source('data').files('sales.csv'",
    "source('dta').files('sales.csv'",
    'error: connection extract sale: unknown connection "dta"; did you mean "data"?; the profile has: data',
  ],
  [
    'method',
    "source('data').files('shops.csv')",
    "source('data').get('shops')",
    'error: method extract shop: connection "data" is of kind files, which does not answer GET; it takes files',
  ],
  [
    'delimiter',
    "files('shops.csv')",
    "files('shops.csv', { delimiter: '<sep>' })",
    'error: delimiter extract shop: delimiter "<sep>" has 5 bytes; expected 1 to 4',
  ],
  [
    'quote',
    "files('shops.csv')",
    "files('shops.csv', { quote: '«' })",
    `error: quote extract shop: quote "«" has 2 bytes; expected one ASCII character, or '' for none`,
  ],
  [
    'window-column',
    "window: 'sold'",
    "window: 'sould'",
    'error: window-column extract sale: window column "sould" is not in schema.ts; did you mean "sold"?; there are: id, sold, shop, amount, lasted',
  ],
  [
    'window-type',
    "window: 'sold'",
    "window: 'amount'",
    'error: window-type extract sale: window column "amount" is decimal(9,2); expected timestamp, timestamptz or date',
  ],
  [
    'cursor-key',
    "key: 'id' }),\n    shop",
    "key: 'idd' }),\n    shop",
    'error: cursor-key extract customer: cursor column "idd" is not in schema.ts; did you mean "id"?; there are: id, name, changed',
  ],
  [
    'cursor-type',
    "changed: 'timestamp' }",
    "changed: 'json' }",
    'error: cursor-type extract customer: cursor column "changed" is json; expected a time, a number, text or uuid',
  ],
  [
    'cursor-overlap',
    "cursor: 'changed', key: 'id'",
    "cursor: 'name', key: 'id', overlap: '1h'",
    'error: cursor-overlap extract customer: overlap 1h needs a cursor of time, and "name" is text',
  ],
  [
    'cursor-without-key',
    "cursor: 'changed', key: 'id'",
    "cursor: 'changed'",
    'error: cursor-without-key: cursor "changed" needs a key: the columns that name a row (file pipelines/cursor-without-key/pipeline.ts)',
  ],
  [
    'no-schema',
    'shop: { code',
    'shp: { code',
    `error: no-schema extract shop: schema.ts has no columns for "shop"\n  hint: run millrace plan no-schema --discover: it asks the source once and writes them`,
  ],
  [
    'unknown-type',
    "amount: 'decimal(9,2)'",
    "amount: 'money'",
    'error: unknown-type extract sale: unknown type "money"; expected boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, text, bytes, date, time, timestamp, timestamptz, interval, uuid, json, decimal(p,s), list(T) or struct(name T, …) (column "amount")',
  ],
  [
    'wide-decimal',
    "amount: 'decimal(9,2)'",
    "amount: 'decimal(40,2)'",
    'error: wide-decimal extract sale: type "decimal(40,2)" must have a precision of 1 to 38 and a scale of at most that (column "amount")',
  ],
  [
    'two-names',
    '    named: (',
    '    shop: sql`SELECT 1 AS a`,\n    named: (',
    'error: two-names extract shop: "shop" is both extracted and transformed: a dataset has one name',
  ],
  [
    'sql-column',
    'sum(amount)',
    'sum(amont)',
    'error: sql-column transform daily: DuckDB cannot bind it: Referenced column "amont" not found in FROM clause! Candidate bindings: "amount", "lasted" (line 1); sale has id, sold, shop, amount, lasted',
  ],
  [
    'sql-dataset',
    'FROM sale',
    'FROM sales',
    'error: sql-dataset transform daily: it reads unknown dataset "sales"; did you mean "sale"?; there are: sale, customer, shop, customer.changes, daily, named',
  ],
  [
    'sql-syntax',
    'GROUP BY ALL',
    'GROUP BY ALL WHERE',
    'error: sql-syntax transform daily: DuckDB cannot parse the SQL: syntax error at or near "WHERE" (line 1)',
  ],
  [
    'sql-parameter',
    'FROM sale',
    'FROM sale WHERE amount > $most',
    'error: sql-parameter transform daily: it asks for unknown parameter $most; there are: $least, $start, $end, $partition',
  ],
  [
    'sql-type',
    'FROM sale',
    'FROM sale WHERE shop > 5 + sold',
    `error: sql-type transform daily: DuckDB cannot bind it: No function matches the given name and argument types '+(INTEGER_LITERAL, TIMESTAMP)'. You might need to add explicit type casts. (line 1)`,
  ],
  [
    'sql-hugeint',
    'sum(amount)',
    'sum(id)',
    'error: sql-hugeint transform daily: column "amount" is HUGEINT, which Parquet turns into DOUBLE (a sum of integers is one); write CAST(… AS BIGINT), as in CAST(sum(x) AS BIGINT), or CAST(… AS DECIMAL(38,0))',
  ],
  [
    'sql-insert',
    'SELECT CAST(sold AS DATE) AS day, sum(amount) AS amount FROM sale GROUP BY ALL',
    'INSERT INTO sale VALUES (1)',
    'error: sql-insert transform daily: a step is one SELECT, not INSERT',
  ],
  [
    'sql-file-read',
    'FROM sale GROUP',
    "FROM read_csv('/etc/passwd') GROUP",
    'error: sql-file-read transform daily: it reads from read_csv(); a step reads datasets only: what comes from outside stands under extract',
  ],
  [
    'sql-pivot',
    'SELECT CAST(sold AS DATE) AS day, sum(amount) AS amount FROM sale GROUP BY ALL',
    'PIVOT sale ON shop USING sum(amount)',
    'error: sql-pivot transform daily: PIVOT without IN needs data to know its columns; write PIVOT … ON column IN (value, …)',
  ],
  [
    'sql-file',
    'sql`SELECT CAST(sold AS DATE) AS day, sum(amount) AS amount FROM sale GROUP BY ALL`',
    "sql.file('gone.sql')",
    `error: sql-file transform daily: cannot read the SQL file: ENOENT: no such file or directory, open '<project>/pipelines/sql-file/gone.sql'`,
  ],
  [
    'cycle',
    '    named: ({ shop }) => shop',
    '    other: sql`SELECT * FROM named`,\n    named: ({ other }) => other',
    'error: cycle transform other: datasets read each other in a cycle: other -> named -> other',
  ],
  [
    'frame-dataset',
    '({ shop }) => shop',
    '({ shopp }) => shopp',
    'error: frame-dataset transform named: it reads unknown dataset "shopp"; did you mean "shop"?; there are: sale, customer, shop, customer.changes, daily, named',
  ],
  [
    'frame-column',
    "select('code', 'name')",
    "select('code', 'nam')",
    'error: frame-column transform named: Polars cannot bind it: not found: unable to find column "nam"; valid columns: ["code", "name"] Did you mean "name"?',
  ],
  [
    'frame-rest',
    '({ shop }) => shop',
    '({ shop, ...rest }) => shop',
    'error: frame-rest transform named: a frame takes its datasets by name, as ({ a, b }) => …, not all of them with …rest: plan must know what it reads',
  ],
  [
    'frame-collect',
    "shop.select('code', 'name')",
    "shop.select('code', 'name').collectSync().lazy()",
    'error: frame-collect transform named: collectSync() inside a frame needs data; give back the lazy frame: millrace runs it',
  ],
  [
    'frame-interval',
    "({ shop }) => shop.select('code', 'name')",
    "({ sale }) => sale.select('lasted')",
    'error: frame-interval transform named: a frame cannot read an interval ("lasted" of sale); give it months, days and microseconds as integers, or text, in a SQL step',
  ],
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
  ['one-table', "'dim_customer'", "'FCT_daily'", 'error: one-table load customer: table "FCT_daily" is written by both daily and customer'],
  [
    'contract-column',
    "amount: 'decimal(38,2)' }, orderBy",
    "amount: 'decimal(38,2)', tax: 'float64' }, orderBy",
    'error: contract-column export daily: contract column "tax" is not in the dataset; it has day, amount',
  ],
  [
    'contract-type',
    "amount: 'decimal(38,2)' }, orderBy",
    "amount: 'float64' }, orderBy",
    'error: contract-type export daily: contract column "amount" is float64, but the dataset has decimal(38,2)',
  ],
  [
    'order-column',
    "orderBy: ['day']",
    "orderBy: ['month']",
    'error: order-column export daily: orderBy names "month", which is no column of the contract',
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
    'error: path-temporary export daily: export path "_tmp/{partition}.csv" must not begin with _tmp/',
  ],
  [
    'udf-call',
    'sql`SELECT CAST(sold AS DATE) AS day, sum(amount) AS amount FROM sale GROUP BY ALL`',
    "sql.with({ udf: { head: udf({ parameters: ['text'], returns: 'text' }) } })`SELECT 1 AS day`",
    "error: udf-call: udf(…) must be called as udf(['text'], 'int32', (texts) => texts.map(…)) (file pipelines/udf-call/pipeline.ts)",
  ],
  [
    'partition-from',
    "day({ from: '2024-01-01' })",
    "day({ from: '2024-02-30' })",
    'error: partition-from: "2024-02-30" is not a day; expected the form 2005-05-24 (file pipelines/partition-from/pipeline.ts)',
  ],
  [
    'partition-zone',
    "day({ from: '2024-01-01' })",
    "day({ from: '2024-01-01', zone: 'Europe/Berln' })",
    'error: partition-zone: unknown time zone "Europe/Berln"; expected an IANA name, as Europe/Berlin (file pipelines/partition-zone/pipeline.ts)',
  ],
  [
    'window-without-partition',
    "partition: day({ from: '2024-01-01' }), ",
    '',
    `error: window-without-partition extract sale: window "sold" needs a partition of time\n  hint: add partition: day({ from: '…' }) to the pipeline`,
  ],
  [
    'throws',
    'export default',
    "throw new Error('not today')\nexport default",
    'error: throws: pipelines/throws/pipeline.ts cannot be loaded: not today (line 8)',
  ],
  [
    'no-export',
    'export default pipeline',
    'export const p = pipeline',
    `error: no-export: pipelines/no-export/pipeline.ts does not export a pipeline: it has no default export\n  hint: end it with \`export default pipeline({ … })\``,
  ],
  [
    'other-name',
    "name: '$NAME'",
    "name: 'another'",
    'error: other-name: pipeline "another" lies in the folder "other-name": the two must be the same (file pipelines/other-name/pipeline.ts)',
  ],
]

let project: TestProject
let opened: Project

beforeAll(async () => {
  project = makeProject(
    Object.fromEntries(
      CASES.map(([name, right, wrong]) => {
        const text = RIGHT.replace(right, () => wrong)
        if (text === RIGHT) throw new Error(`case ${name} changes nothing`)
        return [`pipelines/${name}/pipeline.ts`, text.replace('$NAME', name)]
      }),
    ),
  )
  opened = await openProject(project.folder)
})

afterAll(() => project.remove())

describe('plan', () => {
  it.each(CASES)('refuses a wrong pipeline: %s', async (name, _right, _wrong, message) => {
    const error = await plan(opened, name).then(
      () => undefined,
      (thrown: unknown) => errorReport(thrown),
    )
    if (!error) throw new Error('the plan held')

    expect(errorText(error).replaceAll(project.folder, '<project>')).toBe(message)
    expect(error.exitCode).toBe(2)
  })
})
