import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bindRules } from '../../lib/check/bind.ts'
import {
  accepted,
  between,
  type Check,
  freshness,
  matches,
  notNull,
  references,
  rowCount,
  ruleOfSql,
  unique,
  warn,
} from '../../lib/check/rules.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import { sql } from '../../lib/transform/steps.ts'

const columns = {
  store_id: 'int32',
  day: 'date',
  amount: 'decimal(10,2)',
  share: 'float64',
  code: 'text',
  tags: 'list(text)',
  id: 'uuid',
  seen: 'timestamptz',
  ok: 'boolean',
}
const others = { store: { id: 'int64', code: 'text', key: 'uuid', tags: 'list(int32)' } }
const parameters = { start: new Date(0), end: new Date(0), partition: '', lowest: 1 }

let db: DuckDB
beforeAll(async () => {
  db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: '/nonexistent' })
})
afterAll(() => db.close())

const bind = (rule: Check<string, string, string, string>) =>
  bindRules({ dataset: 'revenue', rules: [rule], columns, others, parameters }, db)

describe('bindRules takes', () => {
  const good: [string, Check<string, string, string, string>][] = [
    ['notNull of any column', notNull('tags', 'id')],
    ['unique of any columns', unique('store_id', 'day', 'share')],
    ['accepted of texts, numbers, booleans, times, uuids', accepted('code', ['a'])],
    ['accepted dates', accepted('day', ['2005-05-24'])],
    ['accepted booleans', accepted('ok', [true])],
    ['accepted uuids', accepted('id', ['f81d4fae-7dec-11d0-a765-00a0c91e6bf6'])],
    ['between of decimals', between('amount', 0, 99.99)],
    ['between to infinity', between('share', -Infinity, Infinity)],
    ['between of times as texts', { rule: { rule: 'between', column: 'day', low: '2005-05-24', high: '2005-06-01' }, severity: 'error' }],
    ['matches with i, m, s and u', matches('code', /^a.\p{L}$/imsu)],
    ['references of another width of number', references('store_id', 'store', 'id')],
    ['references of uuids', references('id', 'store', 'key')],
    ['rowCount', rowCount({ min: 1, max: 1 })],
    ['freshness of dates and timestamps', freshness('seen', '36h')],
    ['sql over the row, qualified or not', ruleOfSql(sql`amount > ${1.5} AND revenue.day >= $start AND store_id >= $lowest`)],
    ['sql whose text ends in a comment', ruleOfSql(sql`ok -- really`)],
    [
      'sql with values of every kind',
      ruleOfSql(
        sql`code = ${"it's"} OR amount > ${12345678901234567890n} OR seen < ${new Date(0)} OR ok = ${true} OR share IS NOT DISTINCT FROM ${null}`,
      ),
    ],
    ['a warning', warn(notNull('code'))],
    ['sql as a warning', warn(sql`amount > ${0}`)],
  ]
  it.each(good)('%s', async (_name, rule) => {
    await expect(bind(rule)).resolves.toBeUndefined()
  })
})

describe('bindRules refuses', () => {
  const bad: [what: string, rule: Check<string, string, string, string>, message: string | RegExp][] = [
    [
      'an unknown column',
      notNull('store'),
      'notNull(store): "revenue" has no column "store"; there are: store_id, day, amount, share, code, tags, id, seen, ok',
    ],
    ['a misspelt column', between('amonut', 0, 1), 'between(amonut, 0, 1): "revenue" has no column "amonut"; did you mean "amount"?'],
    ['a name of Object', notNull('constructor'), /^notNull\(constructor\): "revenue" has no column "constructor"/],
    ['no column', unique(), 'unique(): needs one or more different columns'],
    ['a column twice', unique('day', 'day'), 'unique(day, day): needs one or more different columns'],
    ['no value', accepted('code', []), 'accepted(code, []): needs at least one value'],
    ['a value of another kind', accepted('code', ['a', 1]), 'accepted(code, [a, 1]): 1 is no value of a column of type text'],
    [
      'a value that is no date',
      accepted('day', ['24.5.2005']),
      /^accepted\(day, \[24\.5\.2005\]\): invalid date field format: "24\.5\.2005"/,
    ],
    ['accepted of a list', accepted('tags', ['a']), 'accepted(tags, [a]): column "tags" is list(text); expected no list or struct'],
    ['between of a text', between('code', 0, 1), 'between(code, 0, 1): column "code" is text; expected a number'],
    ['bounds the wrong way round', between('amount', 1, 0), 'between(amount, 1, 0): the low bound is above the high one'],
    ['NaN as a bound', between('share', 0, NaN), 'between(share, 0, NaN): NaN is no bound'],
    ['a pattern for a number', matches('amount', /a/), 'matches(amount, /a/): column "amount" is decimal(10,2); expected text'],
    ['lookahead', matches('code', /a(?=b)/), 'matches(code, /a(?=b)/): RE2 refuses the pattern: invalid perl operator: (?='],
    ['a backreference', matches('code', /(a)\1/), 'matches(code, /(a)\\1/): RE2 refuses the pattern: invalid escape sequence: \\1'],
    ['the flag g', matches('code', /a/g), 'matches(code, /a/g): the flag g has no meaning here; i, m, s and u have'],
    ['the flag y', matches('code', /a/y), 'matches(code, /a/y): the flag y has no meaning here; i, m, s and u have'],
    [
      'an unknown dataset',
      references('store_id', 'stroe', 'id'),
      'references(store_id, stroe.id): there is no dataset "stroe"; did you mean "store"?',
    ],
    [
      'an unknown target',
      references('store_id', 'store', 'nope'),
      'references(store_id, store.nope): "store" has no column "nope"; there are: id, code, key, tags',
    ],
    ['a reference of another family', references('code', 'store', 'id'), 'references(code, store.id): text cannot be compared with int64'],
    [
      'a reference between different lists',
      references('tags', 'store', 'tags'),
      'references(tags, store.tags): list(text) cannot be compared with list(int32)',
    ],
    ['row counts the wrong way round', rowCount({ min: 2, max: 1 }), 'rowCount(min 2, max 1): needs whole numbers with min at most max'],
    ['half a row', rowCount({ min: 0.5 }), 'rowCount(min 0.5): needs whole numbers with min at most max'],
    ['freshness of a text', freshness('code', '1d'), 'freshness(code, 1d): column "code" is text; expected date, timestamp or timestamptz'],
    ['a duration that is none', freshness('day', 'soon'), /^not a duration: "soon"/],
    [
      'an unknown column in sql',
      ruleOfSql(sql`amonut > 0`),
      /^sql\(amonut > 0\): DuckDB refuses it: Referenced column "amonut" not found in FROM clause! Candidate bindings: "amount"/,
    ],
    [
      'an unknown parameter in sql',
      ruleOfSql(sql`amount > $lowst`),
      'sql(amount > $lowst): there is no parameter $lowst; did you mean "lowest"?',
    ],
    ['sql that is no boolean', ruleOfSql(sql`amount`), 'sql(amount): gives DECIMAL(10,2), not BOOLEAN'],
    ['an aggregate', ruleOfSql(sql`sum(amount) > 0`), 'sql(sum(amount) > 0): DuckDB refuses it: aggregate function calls cannot be nested'],
    ['a window function', ruleOfSql(sql`row_number() OVER () > 0`), /aggregate function calls cannot contain window function calls$/],
    ['sql that does not parse', ruleOfSql(sql`amount >`), /^sql\(amount >\): DuckDB refuses it: syntax error at or near "\)"/],
    ['two expressions', ruleOfSql(sql`ok), (ok`), /^sql\(ok\), \(ok\): DuckDB refuses it: /],
  ]
  it.each(bad)('%s', async (_what, rule, message) => {
    const error = await bind(rule).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error).toMatchObject({
      message: typeof message === 'string' ? message : expect.stringMatching(message),
      place: { stage: 'check', dataset: 'revenue' },
    })
  })

  it('an empty expression, and one without its file’s text, when it is made', () => {
    expect(() => ruleOfSql(sql`  `)).toThrow(ConfigError)
    expect(() => ruleOfSql(sql.file('check.sql'))).toThrow('a sql check needs an expression')
  })

  it('and leaves nothing in the engine', async () => {
    await bind(ruleOfSql(sql`ok`))
    expect(await db.meta('SELECT 1 FROM duckdb_tables() UNION ALL SELECT 1 FROM duckdb_views() WHERE NOT internal')).toEqual([])
  })
})
