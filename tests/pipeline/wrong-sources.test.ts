import { testWrongPipelines } from './wrong-pipelines.ts'

testWrongPipelines([
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
    'option',
    "files('shops.csv')",
    "files('shops.csv', { delimter: ';' })",
    'error: option: files() has no option "delimter"; did you mean "delimiter"? (file pipelines/option/pipeline.ts)\n  hint: its options: format, compression, encoding, delimiter, quote, escape, nulls, header, window, lookback, cursor, key, overlap, deletes, compact, columns',
  ],
  [
    'encoding',
    "files('shops.csv')",
    "files('shops.csv', { encoding: 'latin1' })",
    'error: encoding extract shop: unknown encoding "latin1"; expected utf-8, utf-16, latin-1',
  ],
  [
    'nulls',
    "files('shops.csv')",
    "files('shops.csv', { nulls: 'NA' })",
    `error: nulls extract shop: nulls "NA" is not a list of texts; write ['NA']`,
  ],
  [
    'path',
    "files('shops.csv')",
    "files('../shops.csv')",
    'error: path extract shop: "../shops.csv" leads out of the connection\'s folder; name files below it',
  ],
  [
    'bounds-of-keys',
    "partition: day({ from: '2024-01-01' }), parameters: { least: 5 },\n  extract: {\n    sale: source('data').files('sales.csv', { window: 'sold' }),",
    "partition: keys(['a']),\n  extract: {\n    sale: source('data').files('{start}.csv'),",
    "error: bounds-of-keys extract sale: the request names {start} or {end}, but the pipeline's partitions are keys: they have {partition}",
  ],
  [
    'case-alone',
    "shop: { code: 'text', name: 'text' }",
    "shop: { code: 'text', name: 'text', Code: 'text' }",
    'error: case-alone extract shop: columns "code" and "Code" are the same name to DuckDB, which knows no case\n  hint: name one of them otherwise where it comes from',
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
])
