import pl from 'nodejs-polars'
import { expect, test } from 'vitest'
import type { BindInput } from '../../lib/transform/bound.ts'
import { sql, udf } from '../../lib/transform/steps.ts'
import { bind, type Frame, frame, payment, refusal, type Steps } from './binding.ts'

const refused: [what: string, steps: Steps, message: string, place?: object][] = [
  [
    'an unknown dataset',
    { a: sql`SELECT * FROM paymet` },
    'it reads unknown dataset "paymet"; did you mean "payment"?; there are: payment, customer, customer.changes, a',
  ],
  [
    'an unknown dataset in a frame',
    { a: ({ paymet }) => paymet as never },
    'it reads unknown dataset "paymet"; did you mean "payment"?; there are: payment, customer, customer.changes, a',
  ],
  [
    'changes of a dataset without a cursor',
    { a: sql`FROM payment.changes` },
    'it reads payment.changes, but payment has no cursor: only a cursor dataset has changes',
  ],
  ['a qualified name', { a: sql`FROM main.payment` }, "it reads main.payment; write a dataset's name alone: payment"],
  [
    'a cycle',
    { a: sql`FROM b`, b: ({ c }) => c as never, c: sql`FROM a` },
    'datasets read each other in a cycle: a -> b -> c -> a',
    { dataset: 'a' },
  ],
  ['a step that reads itself', { a: ({ a }) => a as never }, 'datasets read each other in a cycle: a -> a'],
  [
    'an unknown column in SQL',
    { a: sql`SELECT amont\nFROM payment` },
    'DuckDB cannot bind it: Referenced column "amont" not found in FROM clause! Candidate bindings: "amount", "payment_id", "payment_date", "customer_id" (line 1); payment has payment_id, customer_id, amount, tip, payment_date',
  ],
  [
    'an unknown column in a frame',
    frame((p) => p.select('amont')),
    'Polars cannot bind it: not found: unable to find column "amont"; valid columns: ["payment_id", "customer_id", "amount", "tip", "payment_date"] Did you mean "amount"?',
  ],
  ['a wrong type in SQL', { a: sql`SELECT email + 1 AS x FROM customer` }, 'DuckDB cannot bind it: No function matches'],
  [
    'a wrong type in a frame',
    frame((p) => p.withColumns(pl.col('amount').str.toUpperCase())),
    'Polars cannot bind it: invalid series dtype: expected `String`, got `dec',
  ],
  ['two statements', { a: sql`SELECT 1 AS x; SELECT 2 AS y` }, 'the SQL has 2 statements; write one SELECT for each step'],
  [
    'a SELECT and another statement',
    {
      a: sql`SELECT 1 AS x; -- ;
    DROP TABLE x;`,
    },
    'the SQL has 2 statements; write one SELECT for each step',
  ],
  ['no statement', { a: sql` -- nothing` }, 'the SQL is empty; write one SELECT'],
  ['INSERT', { a: sql`/* c */ INSERT INTO payment VALUES (1)` }, 'a step is one SELECT, not INSERT'],
  ['PRAGMA', { a: sql`PRAGMA version` }, 'a step is one SELECT, not PRAGMA'],
  ['ATTACH', { a: sql`ATTACH 'x.db'` }, 'a step is one SELECT, not ATTACH'],
  ['COPY', { a: sql`COPY payment TO 'x.csv'` }, 'a step is one SELECT, not COPY'],
  ['SUMMARIZE', { a: sql`SUMMARIZE payment` }, 'a step is one SELECT, not DESCRIBE, SUMMARIZE or SHOW'],
  ['a syntax error', { a: sql`SELECT 1 AS x,\n  FROM WHERE` }, 'DuckDB cannot parse the SQL: syntax error at or near "WHERE" (line 2)'],
  [
    'PIVOT without IN',
    { a: sql`SELECT * FROM (PIVOT payment ON customer_id USING sum(amount))` },
    'PIVOT without IN needs data to know its columns; write PIVOT … ON column IN (value, …)',
  ],
  [
    'a file read by a table function',
    { a: sql`SELECT * FROM read_csv('x.csv')` },
    'it reads from read_csv(); a step reads datasets only: what comes from outside stands under extract',
  ],
  ['a file read by its name', { a: sql`SELECT * FROM 'x.parquet'` }, 'it reads unknown dataset "x.parquet"; there are:'],
  ['a table named by a text', { a: sql`SELECT * FROM query_table('payment')` }, 'it reads from query_table(); a step reads datasets only'],
  [
    'an unknown parameter',
    { a: sql`SELECT $rte AS x` },
    'it asks for unknown parameter $rte; did you mean "$rate"?; there are: $rate, $start, $end, $partition',
  ],
  ['a parameter in another case', { a: sql`SELECT $Rate AS x` }, 'it asks for unknown parameter $Rate; did you mean "$rate"?'],
  [
    'an unknown parameter in a frame',
    { a: ({ payment }, { parameters }) => (payment as never as Frame).withColumns(pl.lit(parameters.rte as never).alias('x')) as never },
    'it asks for unknown parameter rte; did you mean "rate"?; there are: rate',
  ],
  ['a nameless parameter', { a: sql`SELECT ? AS x` }, 'parameters are bound by name: write $name, not ? or $1'],
  ['a numbered parameter', { a: sql`SELECT $1 AS x` }, 'parameters are bound by name: write $name, not ? or $1'],
  ['collect', frame((p) => p.collectSync()), 'collectSync() inside a frame needs data; give back the lazy frame: millrace runs it'],
  [
    'collect of a concatenation',
    frame((p) => (pl.concat([p, p] as never) as unknown as Frame).collectSync().lazy()),
    'collectSync() inside a frame needs data',
  ],
  [
    'an async frame',
    frame(async (p) => (await p.collect()).lazy()),
    'a frame gives back a lazy frame, not a promise; leave out collect() and await: millrace runs it',
  ],
  ['sink', frame((p) => p.sinkParquet('x.parquet')), 'sinkParquet() inside a frame needs data'],
  ['first', frame((p) => p.first()), 'collectSync() inside a frame needs data'],
  ['a frame that gives nothing', frame(() => undefined), 'a frame gives back a lazy frame, not nothing'],
  ['a frame that gives an eager frame', frame(() => pl.DataFrame({ a: [1] })), 'a frame gives back a lazy frame, not a DataFrame'],
  [
    'a frame that throws',
    frame(() => {
      throw new TypeError('no such thing')
    }),
    'the frame threw: no such thing',
  ],
  [
    '...rest',
    { a: ({ payment, ...rest }) => [payment, rest] as never },
    'a frame takes its datasets by name, as ({ a, b }) => …, not all of them with …rest: plan must know what it reads',
  ],
  [
    'two columns of one name',
    { a: sql`SELECT p.customer_id, c.customer_id FROM payment p JOIN customer c USING (customer_id)` },
    'two columns of the result are named "customer_id"; give one of them another name',
    { column: 'customer_id' },
  ],
  [
    'columns equal but for case',
    { a: sql`SELECT 1 AS id, 2 AS "ID"` },
    'columns "id" and "ID" are the same name to DuckDB, which knows no case; rename one',
    { column: 'ID' },
  ],
  [
    'columns equal but for case in a frame',
    frame((p) => p.select(pl.col('amount').alias('a'), pl.col('amount').alias('A'))),
    'columns "a" and "A" are the same name to DuckDB',
  ],
  [
    'datasets equal but for case',
    { Payment: sql`SELECT 1 AS x` },
    'datasets "payment" and "Payment" are the same name to DuckDB, which knows no case; rename one',
  ],
  ['a name that ends in .changes', { 'a.changes': sql`SELECT 1 AS x` }, '"a.changes" ends in .changes'],
  [
    'a duration from a frame',
    frame((p) => p.withColumns(pl.col('payment_date').sub(pl.col('payment_date')).alias('d'))),
    'column "d" is a duration, which cannot be carried; write .dt.totalMicroseconds()',
    { column: 'd' },
  ],
  [
    'a column without a type from a frame',
    frame((p) => p.withColumns(pl.lit(null).alias('n'))),
    'column "n" is all null and has no type',
    { column: 'n' },
  ],
  [
    'nanoseconds from a frame',
    frame((p) => p.withColumns(pl.col('payment_date').cast(pl.Datetime('ns')))),
    'column "payment_date" is TIMESTAMP_NS, which cannot be carried; write .cast(pl.Datetime(\'us\'))',
  ],
  [
    'a window that is no column',
    { a: sql.with({ window: 'dy' })`SELECT payment_date::DATE AS day, 1 AS x FROM payment` },
    "window: 'dy' is none of its columns; it must be one of its dates and timestamps: day",
  ],
  [
    'a window that is no time',
    { a: sql.with({ window: 'x' })`SELECT payment_date::DATE AS day, 1 AS x FROM payment` },
    "window: 'x' is int32; it must be one of its dates and timestamps: day",
  ],
  [
    'an unlisted udf',
    { a: sql.with({ udf: { twice: udf(['int32'], 'int32', (x) => x) } })`SELECT twice(1) AS x`, b: sql`SELECT twice(2) AS x` },
    'it calls twice(), which another step defines; give this step the udf, too: { udf: { twice } }',
    { dataset: 'b' },
  ],
]

test.each(refused.map(([what, ...rest]) => ({ what, rest })))('bindSteps refuses $what', async ({ rest: [steps, message, place] }) => {
  const error = await refusal(steps)
  expect(error.message).toContain(message)
  expect(error.place).toMatchObject({ stage: 'transform', ...place })
  expect(error.place.dataset).toBeDefined()
})

const types: readonly (readonly [expression: string, refusal: string])[] = [
  [
    'sum(payment_id)',
    'is HUGEINT, which Parquet turns into DOUBLE (a sum of integers is one); write CAST(… AS BIGINT), as in CAST(sum(x) AS BIGINT), or CAST(… AS DECIMAL(38,0))',
  ],
  ['list(payment_id::HUGEINT)', 'is HUGEINT[], which Parquet'],
  ['any_value(1::UHUGEINT)', 'is UHUGEINT, which Parquet'],
  ["any_value('10:00+02'::TIMETZ)", 'is TIME WITH TIME ZONE, which cannot be carried; write CAST(… AS TIME)'],
  ['any_value(MAP { 1: 2 })', 'is MAP(INTEGER, INTEGER), which cannot be carried; write map_entries(…)'],
  ["any_value({ 'm': MAP { 1: 2 } })", 'is STRUCT(m MAP(INTEGER, INTEGER)), which cannot be carried; write map_entries(…)'],
  ['any_value(union_value(n := 1))', 'is UNION(n INTEGER), which cannot be carried; write union_extract(…)'],
  ["any_value('a'::ENUM('a', 'b'))", "is ENUM('a', 'b'), which cannot be carried; write CAST(… AS VARCHAR)"],
  ["any_value('101'::BIT)", 'is BIT, which cannot be carried; write CAST(… AS VARCHAR)'],
  ['any_value([1, 2]::INTEGER[2])', 'is INTEGER[2], which cannot be carried; write a list: CAST(… AS T[])'],
  ["any_value('12'::BIGNUM)", 'is BIGNUM, which cannot be carried; write CAST(… AS DECIMAL(38,0))'],
  ["any_value('2001-01-01'::TIMESTAMP_NS)", 'is TIMESTAMP_NS, which cannot be carried; write CAST(… AS TIMESTAMP)'],
]

test.each(types)('bindSteps refuses the type of %s', async (expression, message) => {
  const error = await refusal({ a: { ...sql``, text: `SELECT ${expression} AS x FROM payment` } })
  expect(error.message).toContain(`column "x" ${message}`)
  expect(error.place).toMatchObject({ stage: 'transform', dataset: 'a', column: 'x' })
})

test('bindSteps says why there is no window', async () => {
  expect((await refusal({ a: sql`SELECT $start AS x` }, { partitioned: 'none' })).message).toBe(
    'it asks for $start, but the pipeline has no partitions',
  )
  expect((await refusal({ a: sql`SELECT $end AS x` }, { partitioned: 'keys' })).message).toBe(
    'it asks for $end, but partitions by key have no time window',
  )
  const dated: Steps = {
    a: ({ payment }, { start }) => (payment as never as Frame).withColumns(pl.lit(start.toISOString()).alias('x')) as never,
  }
  expect((await refusal(dated, { partitioned: 'keys' })).message).toBe('it asks for start, but partitions by key have no time window')
  expect((await bind({ a: sql`SELECT $partition AS x` }, { partitioned: 'keys' })).datasets.a).toMatchObject({
    partitioned: true,
    columns: { x: 'text' },
  })
  const windowed = { a: sql.with({ window: 'day' })`SELECT DATE '2001-01-01' AS day` }
  expect((await refusal(windowed, { partitioned: 'none' })).message).toBe("window: 'day' needs partitions by time")
})

test('bindSteps wants a window where what is wanted reads a lookback', async () => {
  const extracted: BindInput['extracted'] = { payment: { columns: payment, by: 'window', window: 'payment_date', lookback: true } }
  const steps: Steps = {
    daily: sql`SELECT payment_date::DATE AS day, count(*) AS n FROM payment GROUP BY ALL`,
    sums: sql`SELECT day, n AS m FROM daily`,
  }
  expect((await bind(steps, { extracted })).datasets.sums).toMatchObject({ lookback: true })
  const error = await refusal(steps, { extracted, wanted: ['sums'] })
  expect(error.message).toBe(
    "it is computed from a dataset with a lookback; name the time column that cuts it to the partition again: { window: '…' }",
  )
  expect(error.place).toMatchObject({ dataset: 'sums' })
  const cut = await bind(
    { ...steps, sums: sql.with({ window: 'day' })`SELECT day, n AS m FROM daily` },
    { extracted, wanted: ['sums', 'payment'] },
  )
  expect(cut.datasets.sums).toMatchObject({ window: 'day', lookback: true })
  expect(cut.datasets.payment).toMatchObject({ window: 'payment_date' })
})

test('bindSteps refuses parameters whose names it cannot bind', async () => {
  expect((await refusal({}, { parameters: { Start: 1 } })).message).toBe('parameter "Start" is the partition\'s own; give it another name')
  expect((await refusal({}, { parameters: { 'a b': 1 } })).message).toBe(
    'parameter name "a b" must be a letter, then letters, digits and _',
  )
})
