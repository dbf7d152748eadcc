import { DuckDBInstance } from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import { expect, onTestFinished, test } from 'vitest'
import { DuckDBConnection } from '../../lib/engines/duckdb-connection.ts'
import { columnNames, resultTexts } from '../../lib/engines/result-texts.ts'

/** Values of one column, each in SQL: what the vendor's package and we may read in two ways. */
const columns: readonly (readonly [type: string, ...values: string[]])[] = [
  ['VARCHAR', "''", "'twelve bytes'", "'thirteen byte'", "'é𝄞'", "repeat('long ', 1000)", 'chr(0) || chr(10)'],
  ['BOOLEAN', 'true', 'false'],
  ['TINYINT', '-128', '127'],
  ['INTEGER', '-2147483648', '2147483647'],
  ['UINTEGER', '0', '4294967295'],
  ['BIGINT', '-9223372036854775808', '9223372036854775807', '-1'],
  ['UBIGINT', '0', '18446744073709551615'],
  ['HUGEINT', '-170141183460469231731687303715884105728', '170141183460469231731687303715884105727', '-1', '18446744073709551616'],
  ['DOUBLE', '0.1', '1e300', "'-inf'", "'nan'", '-0.0', '3'],
  ['DECIMAL(38,3)', '-12.345', '12345678901234567890123.001'],
  ['DATE', "'0001-01-01'", "'infinity'"],
  ['TIMESTAMPTZ', "'2024-03-31T00:30:00.000001Z'"],
  ['INTEGER[]', '[1, NULL]', '[]'],
  ['STRUCT(a INTEGER, b TEXT)', "{a: 1, b: 'x'}"],
]

async function opened(): Promise<readonly [ours: DuckDBConnection, sql: (text: string) => Promise<readonly (readonly unknown[])[]>]> {
  const instance = await DuckDBInstance.create(':memory:')
  const vendors = await instance.connect()
  onTestFinished(() => vendors.closeSync())
  const { connection } = vendors as unknown as { readonly connection: ConstructorParameters<typeof DuckDBConnection>[0] }
  return [new DuckDBConnection(connection), async (text) => (await vendors.run(text)).getRows()]
}

test.each(columns)('resultTexts gives %s as the vendor writes it, over several chunks and between nulls', async (type, ...values) => {
  const [connection, vendors] = await opened()
  const all = values.map((value) => `CAST(${value} AS ${type})`)
  const query = `SELECT CAST(CASE WHEN i % 7 = 3 THEN NULL ELSE [${all}][1 + i % ${all.length}] END AS ${type}) AS v, i FROM range(5000) r(i)`
  const texts = await resultTexts(await connection.run(query), 5000)
  expect(texts).toEqual((await vendors(query)).map((row) => row.map((value) => (value === null ? null : String(value)))))
})

test('resultTexts gives no rows for none, and refuses more than it may read', async () => {
  const [connection] = await opened()
  const none = await connection.run("SELECT 'a' AS v, 1 AS w WHERE false")
  expect([columnNames(none), await resultTexts(none, 0)]).toEqual([['v', 'w'], []])
  await expect(resultTexts(await connection.run('FROM range(3000)'), 2999)).rejects.toThrow('a metadata query gave 3000 rows')
})

test('DuckDBConnection.start runs all statements of a text but the last, and says what is wrong with it in DuckDB’s words', async () => {
  const [connection] = await opened()
  const pending = await connection.start('CREATE TABLE t AS SELECT 1 AS a; INSERT INTO t VALUES (2); SELECT sum(a) FROM t')
  expect(await resultTexts(await duckdb.execute_pending(pending), 1)).toEqual([['3']])
  await expect(connection.start('SELEC 1')).rejects.toThrow(/^Parser Error: syntax error/)
  await expect(connection.start('SELECT nothing')).rejects.toThrow(/^Binder Error/)
})
