import { describe, expect, it } from 'vitest'
import { check } from '../../lib/check/check.ts'
import { accepted, between, freshness, matches, notNull, references, rowCount, ruleOfSql, unique } from '../../lib/check/rules.ts'
import { CheckError, ConfigError } from '../../lib/core/errors.ts'
import { sql } from '../../lib/transform/steps.ts'
import { manualClock, temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { outcome, passed, run } from './checking.ts'

describe('check notNull', () => {
  it('passes where there is no NULL, NaN and the empty text being values', async () => {
    expect(await outcome('float64', "(1), ('NaN'::DOUBLE)", notNull('v'))).toEqual(passed)
    expect(await outcome('text', "('')", notNull('v'))).toEqual(passed)
  })
  it('fails for each row with a NULL in any of the columns, and shows others to find it by', async () => {
    const columns = { a: 'int32', b: 'text', c: 'text', d: 'text', e: 'text' }
    const select =
      "SELECT * FROM (VALUES (1, 'x', 'c1', 'd1', 'e1'), (NULL, 'y', 'c2', 'd2', 'e2'), (NULL, NULL, 'c3', 'd3', 'e3')) AS t(a, b, c, d, e)"
    const { report } = await run(columns, select, [notNull('a', 'b')])
    expect(report.rules[0]).toEqual({
      rule: 'notNull(a, b)',
      severity: 'error',
      passed: false,
      failed: 2,
      samples: ['a=NULL b=y c=c2 d=d2', 'a=NULL b=NULL c=c3 d=d3'],
      message: 'notNull(a, b) failed for 2 of 3 rows: a=NULL b=y c=c2 d=d2, a=NULL b=NULL c=c3 d=d3',
    })
  })
})

describe('check unique', () => {
  it('passes where no two rows are the same, rows with a NULL not compared', async () => {
    expect(await outcome('int64', '(1), (2), (NULL), (NULL)', unique('v'))).toEqual(passed)
  })
  it('fails for every row that shares its values with another', async () => {
    const columns = { store_id: 'int32', day: 'date', n: 'int32' }
    const select =
      "SELECT * FROM (VALUES (1, DATE '2005-05-24', 1), (1, DATE '2005-05-24', 2), (1, DATE '2005-05-24', 3), (2, DATE '2005-05-24', 4), (NULL, DATE '2005-05-24', 5), (NULL, DATE '2005-05-24', 6), (0, DATE '2005-05-25', 7), (0, DATE '2005-05-25', 8)) AS t(store_id, day, n)"
    const { report } = await run(columns, select, [unique('store_id', 'day')])
    expect(report.rules[0]).toMatchObject({
      failed: 5,
      message: 'unique(store_id, day) failed for 5 of 8 rows: store_id=0 day=2005-05-25, store_id=1 day=2005-05-24',
    })
  })
  it('shows five samples, and that there are more', async () => {
    const { report } = await run({ v: 'int64' }, 'SELECT range % 600 AS v FROM range(1200)', [unique('v')])
    expect(report.rules[0]?.samples).toEqual(['v=0', 'v=1', 'v=2', 'v=3', 'v=4'])
    expect(report.error?.message).toBe('unique(v) failed for 1,200 of 1,200 rows: v=0, v=1, v=2, v=3, v=4, …')
  })
})

describe('check accepted', () => {
  it('passes for the values and NULL', async () => {
    expect(await outcome('text', "('a'), ('b'), (NULL)", accepted('v', ['a', 'b', "it's"]))).toEqual(passed)
    expect(await outcome('boolean', '(true), (NULL)', accepted('v', [true]))).toEqual(passed)
    expect(await outcome('decimal(10,2)', '(1.10), (2)', accepted('v', [1.1, 2]))).toEqual(passed)
    expect(await outcome('float32', '(0.1)', accepted('v', [0.1]))).toEqual(passed)
    expect(await outcome('date', "('2005-05-24')", accepted('v', ['2005-05-24']))).toEqual(passed)
    expect(await outcome('uint64', '(18446744073709551615)', accepted('v', ['18446744073709551615', 1]))).toEqual(passed)
    expect(
      await outcome('uuid', "('f81d4fae-7dec-11d0-a765-00a0c91e6bf6')", accepted('v', ['F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6'])),
    ).toEqual(passed)
  })
  it('fails for others, exactly', async () => {
    expect(await outcome('text', "('a'), ('A'), (''), (NULL)", accepted('v', ['a']))).toMatchObject({ failed: 2, samples: ['v=A', 'v='] })
    expect(await outcome('int32', '(1), (2)', accepted('v', [1.5, 1]))).toMatchObject({ failed: 1, samples: ['v=2'] })
    expect(await outcome('int64', '(9007199254740993)', accepted('v', ['9007199254740992']))).toMatchObject({ failed: 1 })
    expect(await outcome('float64', "(1), ('NaN'::DOUBLE)", accepted('v', [1]))).toMatchObject({ failed: 1, samples: ['v=nan'] })
  })
})

describe('check between', () => {
  it('passes from low to high, both included, and for NULL', async () => {
    expect(await outcome('int32', '(0), (10), (NULL)', between('v', 0, 10))).toEqual(passed)
    expect(await outcome('float64', "(0), (0.3), ('infinity'::DOUBLE)", between('v', 0, Infinity))).toEqual(passed)
    expect(await outcome('float32', '(0.1)', between('v', 0.1, 0.1))).toEqual(passed)
    expect(await outcome('decimal(38,10)', '(1234567890123456789012345678)', between('v', 0, 1e30))).toEqual(passed)
  })
  it('fails outside and for NaN, whatever the bound', async () => {
    expect(await outcome('int32', '(-1), (0), (11)', between('v', 0, 10))).toMatchObject({
      failed: 2,
      samples: ['v=-1', 'v=11'],
      message: 'between(v, 0, 10) failed for 2 of 3 rows: v=-1, v=11',
    })
    expect(await outcome('float64', "('NaN'::DOUBLE), (1)", between('v', 0, Infinity))).toMatchObject({ failed: 1, samples: ['v=nan'] })
    expect(await outcome('decimal(10,2)', '(99.99), (100.00)', between('v', 0.001, 99.99))).toMatchObject({
      failed: 1,
      samples: ['v=100.00'],
    })
    expect(await outcome('decimal(10,2)', '(0.01)', between('v', 0.0101, 1))).toMatchObject({ failed: 1 })
    expect(await outcome('int64', '(9007199254740993)', between('v', 0, 9007199254740992))).toMatchObject({ failed: 1 })
    expect(await outcome('uint64', '(18446744073709551615)', between('v', -1, 10))).toMatchObject({ failed: 1 })
  })
})

describe('check matches', () => {
  it('passes where the pattern is found anywhere, and for NULL', async () => {
    expect(await outcome('text', "('xa1'), (NULL)", matches('v', /a\d/))).toEqual(passed)
    expect(await outcome('text', "('XA1')", matches('v', /a\d$/i))).toEqual(passed)
    expect(await outcome('text', "('one' || chr(10) || 'two')", matches('v', /^two$/m))).toEqual(passed)
    expect(await outcome('text', "('a' || chr(10) || 'b')", matches('v', /a.b/s))).toEqual(passed)
    expect(await outcome('text', "('é漢')", matches('v', /^\p{L}.$/u))).toEqual(passed)
    expect(await outcome('text', "('a/b''c')", matches('v', /a\/b'c/))).toEqual(passed)
  })
  it('fails elsewhere, its flags meaning what JavaScript’s mean', async () => {
    expect(await outcome('text', "('A1'), (''), ('b')", matches('v', /a\d|b/))).toMatchObject({ failed: 2, samples: ['v=A1', 'v='] })
    expect(await outcome('text', "('one' || chr(10) || 'two')", matches('v', /^two$/))).toMatchObject({ failed: 1 })
    expect(await outcome('text', "('a' || chr(10) || 'b')", matches('v', /a.b/m))).toMatchObject({ failed: 1 })
  })
})

describe('check references', () => {
  it('passes where the value stands in the other dataset, and for NULL', async () => {
    const store = await datasetOf(temporaryFolder(), 'store', { id: 'int32' }, 'SELECT unnest([1, 2, 2, NULL]) AS id')
    expect(await outcome('int64', '(1), (2), (2), (NULL)', references('v', 'store', 'id'), { others: { store } })).toEqual(passed)
  })
  it('fails where it does not, a NULL there being no match', async () => {
    const store = await datasetOf(temporaryFolder(), 'store', { id: 'int32' }, 'SELECT unnest([1, NULL]) AS id')
    expect(await outcome('int64', '(1), (2), (3), (3)', references('v', 'store', 'id'), { others: { store } })).toMatchObject({
      failed: 3,
      message: 'references(v, store.id) failed for 3 of 4 rows: v=2, v=3, v=3',
    })
    const none = await datasetOf(temporaryFolder(), 'store', { id: 'int32' }, 'SELECT 1 AS id WHERE false')
    expect(await outcome('int64', '(1), (NULL)', references('v', 'store', 'id'), { others: { store: none } })).toMatchObject({ failed: 1 })
  })
})

describe('check rowCount', () => {
  it('holds both bounds', async () => {
    expect(await outcome('int32', '(1), (2)', rowCount({ min: 2, max: 2 }))).toEqual(passed)
    expect(await outcome('int32', '(1), (2)', rowCount({ min: 3 }))).toEqual({
      passed: false,
      failed: 0,
      samples: [],
      message: 'rowCount(min 3) failed: there are 2 rows',
    })
    expect((await outcome('int32', '(1), (2)', rowCount({ max: 1 }))).message).toBe('rowCount(max 1) failed: there are 2 rows')
  })
})

describe('check freshness', () => {
  const window = { start: new Date('2018-02-05T00:00:00Z'), end: new Date('2018-02-06T00:00:00Z') }
  it('measures the newest value against the window’s end', async () => {
    expect(
      await outcome('timestamptz', "('2018-02-05 12:00:00+00'), ('2010-01-01 00:00:00+00')", freshness('v', '12h'), { window }),
    ).toEqual(passed)
    expect(await outcome('timestamptz', "('2018-02-05 11:59:59+00')", freshness('v', '12h'), { window })).toEqual({
      passed: false,
      failed: 0,
      samples: [],
      message:
        'freshness(v, 12h) failed: the newest value is 2018-02-05 11:59:59+00, and it should be at most 12h before 2018-02-06T00:00:00.000Z',
    })
    expect(await outcome('date', "('2018-02-05')", freshness('v', '1d'), { window })).toEqual(passed)
  })
  it('reads naive times in the given zone', async () => {
    const late = "('2018-02-05 11:00:00')"
    expect(await outcome('timestamp', late, freshness('v', '12h'), { window })).toMatchObject({ passed: false })
    expect(await outcome('timestamp', late, freshness('v', '12h'), { window, zone: 'America/New_York' })).toEqual(passed)
  })
  it('measures against now where there is no window', async () => {
    const dataset = await datasetOf(temporaryFolder(), 'sales', { v: 'timestamp' }, "SELECT TIMESTAMP '2018-02-07 00:00:00' AS v")
    const rules = [freshness('v', '2h')]
    const at = (now: string) => check({ dataset, rules, others: {}, parameters: {} }, testContext({ clock: manualClock(now) }))
    expect((await at('2018-02-07T02:00:00Z')).error).toBeUndefined()
    expect((await at('2018-02-07T02:00:01Z')).error).toBeInstanceOf(CheckError)
  })
  it('fails where there is no value', async () => {
    expect((await outcome('date', '(NULL)', freshness('v', '1d'), { window })).message).toContain('failed: there is no value')
    const { report } = await run({ v: 'date' }, "SELECT DATE '2018-02-06' AS v WHERE false", [freshness('v', '1d')], { window })
    expect(report.rules[0]).toMatchObject({ passed: false })
  })
})

describe('check sql', () => {
  it('fails where the expression is false, and passes for NULL', async () => {
    const rule = ruleOfSql(sql`v > ${1} AND v < $high -- a comment`)
    expect(await outcome('int32', '(1), (2), (9), (NULL)', rule, { parameters: { high: 9 } })).toMatchObject({
      failed: 2,
      samples: ['v=1', 'v=9'],
      message: 'sql(v > $_1 AND v < $high -- a comment) failed for 2 of 4 rows: v=1, v=9',
    })
  })
  it('keeps the values of several expressions apart, and texts that look like parameters', async () => {
    const rules = [ruleOfSql(sql`t <> '$_1' AND n >= ${1}`), ruleOfSql(sql`n < ${3} OR sales.t = ${"it's"}`)]
    const { report } = await run({ n: 'int32', t: 'text' }, "SELECT * FROM (VALUES (1, '$_1'), (5, 'it''s'), (5, 'x')) AS v(n, t)", rules)
    expect(report.rules.map(({ failed, samples }) => [failed, ...samples])).toEqual([
      [1, 'n=1 t=$_1'],
      [1, 'n=5 t=x'],
    ])
  })
  it('shows the columns that it names first', async () => {
    const columns = { a: 'int32', b: 'int32', c: 'int32', d: 'int32', e: 'int32' }
    const { report } = await run(columns, 'SELECT 1 AS a, 2 AS b, 3 AS c, 4 AS d, 5 AS e', [ruleOfSql(sql`E + sales.d < 0`)])
    expect(report.rules[0]?.samples).toEqual(['d=4 e=5 a=1 b=2'])
  })
  it('that cannot be computed is a CheckError that names it', async () => {
    const rules = [notNull('v'), ruleOfSql(sql`v = 'x'`), ruleOfSql(sql`v::INTEGER > 0`)]
    const error = await run({ v: 'text' }, "SELECT unnest(['1', 'x']) AS v", rules).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(CheckError)
    expect(error).toMatchObject({
      message: expect.stringMatching(/^sql\(v::INTEGER > 0\) cannot be computed: Could not convert string 'x' to INT32/),
    })
  })
  it('with a parameter that this run has not is a ConfigError', async () => {
    const rules = [ruleOfSql(sql`v < $end`)]
    const error = await run({ v: 'date' }, "SELECT DATE '2005-05-24' AS v", rules).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error).toMatchObject({ message: 'sql(v < $end): $end has no value in this run', place: { dataset: 'sales', stage: 'check' } })
  })
})
