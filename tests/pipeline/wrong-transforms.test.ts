import { testWrongPipelines } from './wrong-pipelines.ts'

testWrongPipelines([
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
    "error: sql-file transform daily: there is no SQL file <project>/pipelines/sql-file/gone.sql\n  hint: sql.file takes a path from the pipeline's folder",
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
    'udf-call',
    'sql`SELECT CAST(sold AS DATE) AS day, sum(amount) AS amount FROM sale GROUP BY ALL`',
    "sql.with({ udf: { head: udf({ parameters: ['text'], returns: 'text' }) } })`SELECT 1 AS day`",
    "error: udf-call: udf(…) must be called as udf(['text'], 'int32', (texts) => texts.map(…)) (file pipelines/udf-call/pipeline.ts)",
  ],
])
