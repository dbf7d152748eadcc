import { expect, onTestFinished, test } from 'vitest'
import type { Dataset } from '../../lib/core/dataset.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { relationOfFiles } from '../../lib/engines/relation.ts'
import { bindSteps } from '../../lib/transform/bind.ts'
import { loadStepTexts } from '../../lib/transform/load-steps.ts'
import { transform } from '../../lib/transform/run.ts'
import { type Sql, sql, type Udf, udf } from '../../lib/transform/steps.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'

async function result(steps: Readonly<Record<string, Sql>>, wanted = 'a'): Promise<Dataset> {
  const bound = await bindSteps({ extracted: {}, steps: await loadStepTexts(steps, '.'), parameters: {}, partitioned: 'none', wanted: [] })
  return (await transform(bound, { inputs: {}, wanted: [wanted], window: {}, parameters: {}, zone: 'UTC' }, testContext()))[
    wanted
  ] as Dataset
}

async function rows({ columns, files }: Dataset) {
  const db = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp: temporaryFolder() })
  onTestFinished(() => db.close())
  return db.meta(`${relationOfFiles(columns, files)} ORDER BY ALL`)
}

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (thrown: unknown) => thrown,
  )

const soundex = udf(['text', 'int32'], 'text', (texts, lengths) =>
  texts.map((text, i) => (text === null ? 'none' : String(text).slice(0, Number(lengths[i])))),
)

test('udf is given whole columns of a chunk, with null, and gives one value for each row', async () => {
  const given: number[] = []
  const counted: Udf = udf(['text', 'int32'], 'text', (...columns) => {
    given.push(columns[0]?.length ?? 0)
    return soundex.apply(...columns)
  })
  const dataset = await result({
    a: sql.with({
      udf: { head: counted },
    })`SELECT head(CASE WHEN i % 2 = 0 THEN 'abc' || i END, 3) AS h, count(*) AS n FROM range(10000) r(i) GROUP BY ALL`,
  })
  expect(await rows(dataset)).toEqual([
    { h: 'abc', n: '5000' },
    { h: 'none', n: '5000' },
  ])
  expect(given.reduce((sum, count) => sum + count, 0)).toBe(10_000)
  expect(given.length).toBeLessThan(20)
})

test('udf takes and gives each of its types', async () => {
  const same = (type: string): Udf => udf([type], type, (values) => values)
  const values: Readonly<Record<string, string>> = {
    boolean: 'true',
    int8: '-128',
    int16: '-32768',
    int32: '-2147483648',
    int64: '-9223372036854775808',
    uint8: '255',
    uint16: '65535',
    uint32: '4294967295',
    uint64: '18446744073709551615',
    float32: '1.5',
    float64: '4.9e-324',
    text: 'ünï 😀',
  }
  const types = Object.keys(values)
  const text = `SELECT ${types.map((type) => `same_${type}('${values[type]}') AS ${type}`).join(', ')}, same_int64(NULL) AS "null"`
  const dataset = await result({ a: { ...sql``, text, udf: Object.fromEntries(types.map((type) => [`same_${type}`, same(type)])) } })
  expect(dataset.columns).toEqual({ ...Object.fromEntries(types.map((type) => [type, type])), null: 'int64' })
  expect(await rows(dataset)).toEqual([{ ...values, float64: '5e-324', null: null }])
})

test('udf that throws stops the step with its own words', async () => {
  const broken = udf(['int64'], 'int64', () => {
    throw new Error('no such unit')
  })
  const error = await failure(
    result({ a: sql.with({ udf: { convert: broken } })`SELECT convert(i) AS x FROM range(3) r(i)`, b: sql`SELECT * FROM a` }, 'b'),
  )
  expect(error).toMatchObject({ name: 'CheckError', message: 'udf convert(): no such unit', place: { stage: 'transform', dataset: 'a' } })
})

test('udf that gives too few values is refused', async () => {
  const short = udf(['int64'], 'int64', (values) => values.slice(1))
  const error = await failure(result({ a: sql.with({ udf: { short } })`SELECT short(i) AS x FROM range(3) r(i)` }))
  expect(error).toMatchObject({ name: 'CheckError', message: 'udf short(): gave 2 values for 3 rows' })
})

test('udf of a type that is no plain JavaScript value is refused at bind', async () => {
  const dated = udf(['date'], 'int32', (values) => values)
  expect(await failure(result({ a: sql.with({ udf: { dated } })`SELECT dated(DATE '2018-01-01') AS x` }))).toMatchObject({
    name: 'ConfigError',
    message: expect.stringContaining('udf dated() cannot take or give date; expected boolean, int8'),
    place: { dataset: 'a' },
  })
})

test('udf called otherwise, and a udf that is none, are the mistakes of whoever wrote them', async () => {
  const untyped = udf as unknown as (...given: unknown[]) => Udf
  for (const given of [[{ parameters: ['text'], returns: 'text', apply: () => [] }], [['text'], 'text'], ['text', 'text', () => []], []])
    expect(() => untyped(...given)).toThrow(ConfigError)
  const none = await failure(result({ a: sql.with({ udf: { head: (() => []) as unknown as Udf } })`SELECT head('x') AS h` }))
  expect(none).toBeInstanceOf(ConfigError)
  expect(none).toMatchObject({
    message: "udf head is none; write udf: { head: udf(['text'], 'int32', (texts) => …) }",
    place: { stage: 'transform', dataset: 'a' },
  })
})

test('udf names that mean two functions are refused', async () => {
  const one = udf(['int64'], 'int64', (values) => values)
  const two = udf(['int64'], 'text', (values) => values.map(String))
  expect(
    await failure(result({ a: sql.with({ udf: { f: one } })`SELECT f(1) AS x`, b: sql.with({ udf: { F: two } })`SELECT f(1) AS x` })),
  ).toMatchObject({
    name: 'ConfigError',
    message: 'udf F() is another function in step a; give one of them another name',
    place: { dataset: 'b' },
  })
  expect(await failure(result({ a: sql.with({ udf: { length: one } })`SELECT length(1) AS x` }))).toMatchObject({
    name: 'ConfigError',
    message: 'udf length() has the name of a function of DuckDB; give it another',
    place: { dataset: 'a' },
  })
})

test('udf can be bound twice in one engine', async () => {
  const db = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp: temporaryFolder() })
  onTestFinished(() => db.close())
  const steps = await loadStepTexts({ a: sql.with({ udf: { soundex_of: soundex } })`SELECT soundex_of('x', 1::INTEGER) AS x` }, '.')
  const input = { extracted: {}, steps, parameters: {}, partitioned: 'none', wanted: [] } as const
  for (let i = 0; i < 2; i++) expect((await bindSteps(input, db)).datasets.a?.columns).toEqual({ x: 'text' })
})
