import pl from 'nodejs-polars'
import { expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import type { BindInput, Bound } from '../../lib/transform/bound.ts'
import { loadStepTexts } from '../../lib/transform/load-steps.ts'
import { type Step, sql, udf } from '../../lib/transform/steps.ts'

type Steps = Readonly<Record<string, Step<string, Readonly<Record<string, Columns>>>>>

const payment = { payment_id: 'int32', customer_id: 'int32', amount: 'decimal(5,2)', tip: 'float64', payment_date: 'timestamp' }
const customer = { customer_id: 'int32', store_id: 'int32', email: 'text', last_update: 'timestamp' }

async function bind(steps: Steps, more: Partial<Omit<BindInput, 'steps'>> = {}): Promise<Bound> {
  return bindSteps({
    extracted: { payment: { columns: payment, by: 'window', window: 'payment_date' }, customer: { columns: customer, by: 'cursor' } },
    parameters: { rate: 2 },
    partitioned: 'time',
    wanted: [],
    ...more,
    steps: await loadStepTexts(steps, import.meta.dirname),
  })
}

async function refusal(steps: Steps, more: Partial<Omit<BindInput, 'steps'>> = {}): Promise<ConfigError> {
  const error = await bind(steps, more).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return error as ConfigError
}

const revenue = sql`SELECT store_id, payment_date::DATE AS day, count(*) AS payments, sum(amount) AS amount
  FROM payment JOIN customer USING (customer_id) WHERE payment_date >= $start AND payment_date < $end GROUP BY ALL`
const ranked: Steps[string] = ({ revenue }) => revenue?.withColumns(pl.col('amount').rank('ordinal', true).alias('rank')) as never

test('bindSteps gives columns, engines, reads, parameters and an order', async () => {
  const bound = await bind({ top: sql`SELECT * FROM ranked WHERE rank <= $rate`, ranked, revenue })
  expect(bound.order).toEqual(['revenue', 'ranked', 'top'])
  expect(bound.warnings).toEqual([])
  expect(bound.datasets.revenue).toEqual({
    name: 'revenue',
    engine: 'duckdb',
    columns: { store_id: 'int32', day: 'date', payments: 'int64', amount: 'decimal(38,2)' },
    reads: ['payment', 'customer'],
    inputs: ['customer', 'payment'],
    parameters: ['start', 'end'],
    partitioned: true,
    lookback: false,
    fromChanges: false,
    floatAggregates: [],
    keep: false,
  })
  expect(bound.datasets.ranked).toMatchObject({ engine: 'polars', reads: ['revenue'], inputs: ['customer', 'payment'], partitioned: true })
  expect(Object.entries(bound.datasets.ranked?.columns ?? {}).at(-1)).toEqual(['rank', 'uint32'])
  expect(bound.datasets.top).toMatchObject({ reads: ['ranked'], parameters: ['rate'] })
})

test('bindSteps finds the datasets that SQL reads, not its own CTEs', async () => {
  const bound = await bind({
    shadow: sql`WITH payment AS (SELECT * FROM payment), other AS (FROM payment) SELECT * FROM other`,
    hidden: sql`WITH customer AS (SELECT 1 AS x) SELECT * FROM customer WHERE x IN (SELECT payment_id FROM PAYMENT)`,
    nested: sql`SELECT (SELECT max(rank) FROM (WITH s AS (FROM deep) SELECT count(*) AS rank FROM s)) AS top, EXISTS (FROM customer.changes) AS fresh`,
    deep: sql`WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n, customer WHERE i < 3) FROM n UNION ALL SELECT payment_id FROM payment`,
    none: sql`SELECT * FROM range(3) r(i), unnest([1, 2]) u(j)`,
  })
  const reads = (name: string) => bound.datasets[name]?.reads
  expect([reads('shadow'), reads('hidden'), reads('nested'), reads('deep'), reads('none')]).toEqual([
    ['payment'],
    ['payment'],
    ['deep', 'customer.changes'],
    ['customer', 'payment'],
    [],
  ])
  expect(bound.order.indexOf('deep')).toBeLessThan(bound.order.indexOf('nested'))
  expect(bound.datasets.nested).toMatchObject({ inputs: ['customer', 'customer.changes', 'payment'], fromChanges: true, partitioned: true })
  expect(bound.datasets.none).toMatchObject({ partitioned: false, fromChanges: false, inputs: [] })
})

test('bindSteps finds what a frame reads and asks for, also in another order than it is bound', async () => {
  const bound = await bind({
    last: (datasets, { partition, parameters }) =>
      (datasets.first as never as Frame)
        .join((datasets['customer.changes'] as never as Frame).select('customer_id'), { on: 'customer_id' })
        .withColumns(pl.lit(partition).alias('p'), pl.lit(Number(parameters.rate)).alias('r')) as never,
    first: { frame: ({ payment }) => payment as never, keep: true },
  })
  expect(bound.order).toEqual(['first', 'last'])
  expect(bound.datasets.last).toMatchObject({
    reads: ['first', 'customer.changes'],
    parameters: ['partition', 'rate'],
    fromChanges: true,
    columns: { ...payment, p: 'text', r: 'float64' },
  })
  expect(bound.datasets.first?.keep).toBe(true)
})

type Frame = import('nodejs-polars').LazyDataFrame
const frame = (work: (payment: Frame) => unknown): Steps => ({ step: ({ payment }) => work(payment as never) as never })

test('bindSteps collects small frames that a frame makes itself', async () => {
  const bound = await bind(
    frame((payment) =>
      payment.join(
        pl
          .DataFrame({ customer_id: [1] })
          .withColumns(pl.col('customer_id').cast(pl.Int32))
          .lazy(),
        { on: 'customer_id' },
      ),
    ),
  )
  expect(Object.keys(bound.datasets.step?.columns ?? {})).toEqual(Object.keys(payment))
})

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

test('bindSteps lets frames read uuid and json as text, and no interval', async () => {
  const extracted: BindInput['extracted'] = {
    odd: { columns: { id: 'uuid', doc: 'json', ids: 'list(uuid)', s: 'struct(j json)', raw: 'bytes' }, by: 'whole' },
    span: { columns: { span: 'interval' }, by: 'whole' },
  }
  const bound = await bind(
    { a: ({ odd }) => odd as never, b: sql`SELECT id::UUID AS id, raw FROM a`, c: sql`SELECT span FROM span` },
    { extracted },
  )
  expect(bound.datasets.a?.columns).toEqual({ id: 'text', doc: 'text', ids: 'list(text)', s: 'struct(j text)', raw: 'bytes' })
  expect(bound.datasets.b?.columns).toEqual({ id: 'uuid', raw: 'bytes' })
  expect(bound.datasets.c?.columns).toEqual({ span: 'interval' })
  const error = await refusal({ a: ({ span }) => span as never }, { extracted })
  expect(error.message).toBe(
    'a frame cannot read an interval ("span" of span); give it months, days and microseconds as integers, or text, in a SQL step',
  )
  expect(error.place).toMatchObject({ dataset: 'a', column: 'span' })
})

test('bindSteps names float aggregates, and not exact ones', async () => {
  const { datasets } = await bind({
    a: sql`WITH inner_ AS (SELECT customer_id, sum(tip) AS tips, max(tip) AS most FROM payment GROUP BY ALL)
      SELECT customer_id, tips / 2 AS half, most, tips::DECIMAL(10,2) AS exact FROM inner_`,
    b: sql`SELECT avg(payment_id) AS whole, avg(amount) AS exact, avg(tip) AS mean, round(sum(tip), 2) AS rounded, stddev(payment_id) AS deviation, sum(tip * 2) FILTER (payment_id > 1) AS some FROM payment`,
    c: sql`SELECT *, half + 1 AS more FROM a`,
    d: ({ payment, a }) =>
      (payment as never as Frame)
        .groupBy('customer_id')
        .agg(
          pl.col('tip').sum().alias('tips'),
          pl.col('tip').max().alias('most'),
          pl.col('payment_id').sum().alias('ids'),
          pl.col('tip').mean().round(2).alias('rounded'),
        )
        .join(a as never as Frame, { on: 'customer_id', suffix: '_a' })
        .withColumns(pl.col('tips').mul(2).alias('twice')) as never,
  })
  expect([datasets.a, datasets.b, datasets.c, datasets.d].map((each) => each?.floatAggregates)).toEqual([
    ['half'],
    ['mean', 'deviation', 'some'],
    ['half', 'more'],
    ['half', 'tips', 'twice'],
  ])
})

test('bindSteps warns of what changes silently, changes on a rerun or does not spill', async () => {
  const { warnings } = await bind({
    a: sql`SELECT list(email) AS emails, max(email ORDER BY store_id) AS m, now() AS at, current_date AS today FROM customer`,
    b: frame((p) =>
      p.select(
        pl.col('payment_id').add(1),
        pl.col('customer_id').add(pl.lit(1).cast(pl.Int32)),
        pl.col('payment_id').div(2).alias('half'),
        pl.col('tip').mul(2),
      ),
    ).step as never,
  })
  expect(warnings.map(({ dataset, column, message }) => [dataset, column, message.split(';')[0]])).toEqual([
    ['a', undefined, 'list() keeps its groups in memory and does not spill to disk'],
    ['a', undefined, 'max() keeps its groups in memory and does not spill to disk'],
    ['a', undefined, 'now() gives another value on a rerun, which must give the same rows'],
    ['a', undefined, 'current_date() gives another value on a rerun, which must give the same rows'],
    ['a', undefined, 'list() without ORDER BY joins rows as they come by'],
    ['b', 'payment_id', '"payment_id" turned from integer to float: a JavaScript number is a Float64 to Polars'],
  ])
})

test('bindSteps warns of sums of 32 bits, which Polars does not widen', async () => {
  const { warnings } = await bind({
    a: frame((p) =>
      p
        .groupBy('payment_id')
        .agg(
          pl.col('customer_id').sum().alias('narrow'),
          pl.col('customer_id').cast(pl.Int64).sum().alias('wide'),
          pl.col('customer_id').max().alias('most'),
        ),
    ).step as never,
    b: frame((p) => p.select(pl.col('customer_id').cumSum().alias('running'), pl.col('payment_id').mean())).step as never,
  })
  expect(warnings).toEqual(
    [
      ['a', 'narrow'],
      ['b', 'running'],
    ].map(([dataset, column]) => ({
      dataset,
      column,
      message: `"${column}" adds up int32, which wraps around beyond 32 bits in Polars without an error; write .cast(pl.Int64) before .sum()`,
    })),
  )
})

test('bindSteps takes names that need quotes', async () => {
  const odd = 'a "b" – ü select'
  const bound = await bind(
    {
      [`${odd} 2`]: {
        ...sql``,
        text: `SELECT "x ""y""", 'it''s' AS "t's" FROM "a ""b"" – ü select" JOIN "a ""b"" – ü select".changes USING ("x ""y""")`,
      },
    },
    { extracted: { [odd]: { columns: { 'x "y"': 'int32' }, by: 'cursor' } } },
  )
  expect(bound.datasets[`${odd} 2`]).toMatchObject({ reads: [odd, `${odd}.changes`], columns: { 'x "y"': 'int32', "t's": 'text' } })
})

test('bindSteps binds six steps within 100 ms in a warm process', async () => {
  const steps: Steps = {
    revenue,
    ranked,
    third: sql`FROM ranked WHERE rank <= 3`,
    fourth: ({ third }) => third as never,
    fifth: ({ fourth, revenue }) =>
      (fourth as never as Frame).join((revenue as never as Frame).select('store_id', 'day'), { on: ['store_id', 'day'] }) as never,
    sixth: sql`SELECT store_id, sum(amount) AS amount FROM fifth GROUP BY ALL`,
  }
  const times: number[] = []
  for (let i = 0; i < 10; i++) {
    const began = performance.now()
    await bind(steps)
    times.push(performance.now() - began)
  }
  expect(Math.min(...times)).toBeLessThan(100)
})
