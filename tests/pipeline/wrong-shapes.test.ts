import { testWrongPipelines } from './wrong-pipelines.ts'

const DAILY = "daily: replacePartition('fct_daily')"
const options = (name: string, known: string) => `(file pipelines/${name}/pipeline.ts)\n  hint: its options: ${known}`

testWrongPipelines([
  [
    'stage',
    '  load: {',
    '  laod: {',
    `error: stage: pipeline has no option "laod"; did you mean "load"? ${options('stage', 'name, schema, partition, schedule, parameters, extract, transform, check, load, export')}`,
  ],
  [
    'partition',
    "day({ from: '2024-01-01' })",
    "'day'",
    `error: partition: partition is "day"; expected hour, day, week, month or year({ from: '…' }), or keys([…])`,
  ],
  [
    'partition-end',
    "day({ from: '2024-01-01' })",
    "day({ from: '2024-01-01', too: '2025' })",
    `error: partition-end: day() has no option "too"; did you mean "to"? ${options('partition-end', 'from, to, zone')}`,
  ],
  [
    'partition-number',
    "day({ from: '2024-01-01' })",
    'year({ from: 2024 })',
    "error: partition-number: from 2024 of year() is no text; write '2024' (file pipelines/partition-number/pipeline.ts)",
  ],
  [
    'frame-option',
    "named: ({ shop }) => shop.select('code', 'name'),",
    "named: { frame: ({ shop }) => shop.select('code', 'name'), kep: true },",
    'error: frame-option transform named: a frame has no option "kep"; did you mean "keep"?\n  hint: its options: frame, window, keep',
  ],
  [
    'sql-option',
    'daily: sql`',
    "daily: sql.with({ windw: 'day' })`",
    `error: sql-option: sql.with has no option "windw"; did you mean "window"? ${options('sql-option', 'window, keep, udf')}`,
  ],
  [
    'rule-alone',
    "daily: [notNull('day')]",
    "daily: notNull('day')",
    "error: rule-alone check daily: rules stand in a list, as [notNull('id')]",
  ],
  [
    'rule-text',
    "daily: [notNull('day')]",
    "daily: ['notNull']",
    'error: rule-text check daily: "notNull" is no rule; expected notNull(…), unique(…), sql`…` and their like',
  ],
  [
    'row-count',
    "notNull('day')]",
    'rowCount({ mni: 1 })]',
    `error: row-count: rowCount has no option "mni"; did you mean "min"? ${options('row-count', 'min, max')}`,
  ],
  [
    'accepted-text',
    "notNull('day')",
    "accepted('day', 'x')",
    "error: accepted-text: accepted(day) needs a list of values, as ['a', 'b'] (file pipelines/accepted-text/pipeline.ts)",
  ],
  [
    'matches-text',
    "notNull('day')",
    "matches('day', 'x')",
    'error: matches-text: matches(day) needs a regular expression, as /^[A-Z]+$/ (file pipelines/matches-text/pipeline.ts)',
  ],
  [
    'table-text',
    DAILY,
    "daily: 'fct_daily'",
    'error: table-text load daily: "fct_daily" is no table; expected append(…), merge(…), replace(…) or replacePartition(…)',
  ],
  [
    'merge-key',
    "{ key: 'id' })",
    "{ kye: 'id' })",
    `error: merge-key: merge has no option "kye"; did you mean "key"? ${options('merge-key', 'key')}`,
  ],
  [
    'file-text',
    "daily: csv('daily/{partition}.csv', { contract: perDay })",
    "daily: 'daily/{partition}.csv'",
    'error: file-text export daily: "daily/{partition}.csv" is no file; expected csv(…), ndjson(…), parquet(…), arrow(…) or excel(…)',
  ],
  [
    'no-contract',
    "csv('daily/{partition}.csv', { contract: perDay })",
    "csv('daily/{partition}.csv')",
    'error: no-contract: export "daily/{partition}.csv": csv needs a contract that contract({ … }) has made (file pipelines/no-contract/pipeline.ts)\n  hint: contract({ … }) says how CSV is written; what is delivered in other formats has tableContract({ … })',
  ],
  [
    'contract-option',
    "formulas: 'raw', ",
    "formulas: 'raw', delimter: ';', ",
    `error: contract-option: contract has no option "delimter"; did you mean "delimiter"? ${options('contract-option', 'columns, version, notNull, orderBy, round, fileName, gate, format, formulas, delimiter, quote, quoting, escape, null, header, lineEnd, encoding, byteOrderMark, unfit, compression, booleans, decimalPoint, dateFormat, timestampFormat, zone, split, zeroRows')}`,
  ],
  [
    'contract-order',
    ", orderBy: ['day'] }",
    ' }',
    'error: contract-order: a contract needs orderBy, a total order of its rows (file pipelines/contract-order/pipeline.ts)',
  ],
  [
    'gate-option',
    "orderBy: ['day'] }",
    "orderBy: ['day'], gate: { removd: 0.1 } }",
    `error: gate-option: gate has no option "removd"; did you mean "removed"? ${options('gate-option', 'key, added, removed, changed, columns')}`,
  ],
  [
    'files-path',
    "files('shops.csv')",
    'files(5)',
    'error: files-path: files() needs a path, or a list of paths (file pipelines/files-path/pipeline.ts)',
  ],
  [
    'deletes',
    "key: 'id' }",
    "key: 'id', deletes: 'key' }",
    'error: deletes: unknown deletes "key"; expected ignore, keys (file pipelines/deletes/pipeline.ts)',
  ],
  [
    'schedule-option',
    'parameters:',
    "schedule: { cron: '0 5 * * *', zne: 'UTC' }, parameters:",
    'error: schedule-option: schedule has no option "zne"; did you mean "zone"?\n  hint: its options: cron, zone',
  ],
  [
    'parameter-list',
    'least: 5',
    'least: [5]',
    'error: parameter-list: parameter "least" is a list; expected a text, number, bigint, boolean, Date or null',
  ],
  [
    'parameter-undefined',
    'least: 5',
    'least: undefined',
    'error: parameter-undefined: parameter "least" is undefined; expected a text, number, bigint, boolean, Date or null',
  ],
  [
    'sql-value',
    'FROM sale GROUP',
    `FROM sale WHERE shop = \${undefined} GROUP`,
    'error: sql-value: value 1 of a sql template is undefined; expected a text, number, bigint, boolean, Date or null (file pipelines/sql-value/pipeline.ts)\n  hint: it stands after "amount) AS amount FROM sale WHERE shop ="',
  ],
  [
    'sql-called',
    'daily: sql`',
    "daily: sql('SELECT 1') ?? sql`",
    "error: sql-called: sql is a template, and was called with a text (file pipelines/sql-called/pipeline.ts)\n  hint: write sql`SELECT …`, or sql.file('query.sql') for a text that stands in a file beside the pipeline",
  ],
  [
    'between-bounds',
    "notNull('day')",
    "between('amount')",
    "error: between-bounds: between(amount) needs both bounds, as between('amount', 0, 100) (file pipelines/between-bounds/pipeline.ts)",
  ],
  [
    'freshness-none',
    "notNull('day')",
    "freshness('day')",
    "error: freshness-none: freshness(day) needs a duration, as '36h' (file pipelines/freshness-none/pipeline.ts)",
  ],
  [
    'load-no-table',
    "replacePartition('fct_daily')",
    'replacePartition()',
    'error: load-no-table: a table needs a name (file pipelines/load-no-table/pipeline.ts)',
  ],
  [
    'order-text',
    "orderBy: ['day'] }",
    "orderBy: 'day' }",
    'error: order-text: contract orderBy "day" must be a list of columns (file pipelines/order-text/pipeline.ts)',
  ],
  [
    'not-null-text',
    "orderBy: ['day'] }",
    "orderBy: ['day'], notNull: 'day' }",
    'error: not-null-text: contract notNull "day" must be a list of columns (file pipelines/not-null-text/pipeline.ts)',
  ],
  ['schema-type', "code: 'text'", 'code: 5', `error: schema-type extract shop: a type is a text, as 'int32', not 5 (column "code")`],
])
