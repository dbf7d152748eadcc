import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { type ContractOptions, contract } from '../../lib/export/contract/contract.ts'
import { breakingChanges } from '../../lib/export/contract/contract-changes.ts'
import { descriptorOf } from '../../lib/export/contract/descriptor.ts'
import { resourcesIn } from '../../lib/export/contract/descriptor-text.ts'
import { breachesOf } from '../../lib/export/contract/expectation.ts'
import { expectationsAt, expectedExports, wantedExport } from '../../lib/export/contract/expectation-files.ts'
import { writtenContract } from '../../lib/export/contract/written-contract.ts'
import { temporaryFolder } from '../kit/context.ts'
import { anyContract, anyOptions, isKept } from './any-contract.ts'
import type { TestContract } from './names.ts'

const columns = {
  id: 'int64',
  name: 'text',
  paid: 'boolean',
  amount: 'decimal(4,2)',
  day: 'date',
  at: 'timestamptz',
  clock: 'time',
  count: 'uint8',
  tags: 'list(text)',
} as const

const candidate = (options: Partial<TestContract<Columns>> = {}) =>
  descriptorOf({
    path: 'sales/{partition}.csv',
    contract: contract({ formulas: 'raw', columns, orderBy: ['id'], notNull: ['id'], ...options } as ContractOptions<Columns>),
  })

/** What breaks of expectations, in words. */
const breaks = (stated: object, options: Partial<TestContract<Columns>> = {}) => {
  const [resource] = resourcesIn(JSON.stringify(stated), 'billing.json')
  return breachesOf(resource ?? expect.unreachable(), candidate(options)).map(({ what, mend }) => `${what} → ${mend}`)
}
const field = (given: object, more: object = {}) => ({ schema: { fields: [given], ...more } })

const CHANGED = [
  'formulas',
  'delimiter',
  'quote',
  'null',
  'header',
  'lineEnd',
  'compression',
  'booleans',
  'decimalPoint',
  'dateFormat',
  'timestampFormat',
  'zone',
  'zeroRows',
] as const

describe('breachesOf', () => {
  test('of a contract’s own JSON form: none', () => {
    for (const options of [
      {},
      { delimiter: ';', null: 'NULL' },
      { encoding: 'utf-16le', byteOrderMark: true, compression: 'gzip', header: false },
    ] as const) {
      const own = candidate(options)
      expect(breaks(own, options)).toEqual([])
      expect(breaks({ ...own, schema: { ...own.schema, fieldsMatch: 'exact' } }, options)).toEqual([])
    }
  })

  test('of any contract’s own JSON form: none', () => {
    fc.assert(
      fc.property(anyContract, (given) => {
        const own = descriptorOf({ path: 'a.csv', contract: given })
        const [stated] = resourcesIn(JSON.stringify(own), 'a.json')
        expect(stated && breachesOf(stated, own)).toEqual([])
      }),
    )
  })

  test('finds none after a change that is delivered without a higher version, of what reads rows and not keys', () => {
    const change = fc.tuple(anyOptions, anyOptions, fc.subarray([...CHANGED]))
    let held = 0
    fc.assert(
      fc.property(change, ([before, other, options]) => {
        const added = Object.fromEntries(Object.entries(other.columns).map(([name, type]) => [`${name}+`, type]))
        const changed = Object.fromEntries(options.map((option) => [option, other[option]]))
        const after = { ...before, ...changed, columns: { ...before.columns, ...added } } as ContractOptions<Columns>
        const [old, next] = [contract(before), contract(after)]
        if (!isKept(old) || !isKept(next) || breakingChanges(writtenContract(old), writtenContract(next)).length > 0) return
        held++
        const { millrace: _m, schema, ...rest } = descriptorOf({ path: 'a.csv', contract: old })
        const { primaryKey: _p, uniqueKeys: _u, ...columnsOnly } = schema
        const byteOrderMark = old.byteOrderMark
        const [stated] = resourcesIn(JSON.stringify({ ...rest, schema: columnsOnly, millrace: { byteOrderMark } }), 'a.json')
        expect(stated && breachesOf(stated, descriptorOf({ path: 'a.csv', contract: next }))).toEqual([])
      }),
      { numRuns: 500 },
    )
    expect(held).toBeGreaterThan(50)
  })

  test.each<[string, object]>([
    [
      'a few columns in any order',
      {
        schema: {
          fields: [
            { name: 'amount', type: 'number' },
            { name: 'id', type: 'integer' },
          ],
        },
      },
    ],
    ['no types', { schema: { fields: [{ name: 'tags' }, { name: 'clock', type: 'any' }] } }],
    ['numbers where there are whole ones', field({ name: 'id', type: 'number', constraints: { required: true, unique: true } })],
    ['a format that is guessed', field({ name: 'at', type: 'datetime', format: 'any' })],
    [
      'the first columns, in exactly their order',
      { schema: { fields: Object.keys(columns).map((name) => ({ name })), fieldsMatch: 'exact' } },
    ],
    ['a key with more columns', field({ name: 'id' }, { uniqueKeys: [['day', 'id']], primaryKey: 'id' })],
    ['bounds that the type keeps', field({ name: 'count', type: 'integer', constraints: { minimum: 0, maximum: 255 } })],
    ['bounds that a decimal keeps', field({ name: 'amount', constraints: { minimum: -99.99, maximum: '99.99' } })],
    ['texts of NULL beside ours', field({ name: 'name' }, { missingValues: ['-', ''] })],
    ['types that are exact', { ...field({ name: 'id' }), millrace: { types: { amount: 'decimal(4, 2)' } } }],
    ['a column that may lack', { schema: { fields: [{ name: 'id' }, { name: 'other' }], fieldsMatch: 'partial' } }],
    [
      'what describes it',
      { ...field({ name: 'id', title: 'Id', description: '…' }), title: 'Sales', mediatype: 'text/csv', format: 'csv' },
    ],
  ])('finds that these hold: %s', (_, stated) => {
    expect(breaks(stated)).toEqual([])
  })

  test.each<[string, object, Partial<TestContract<Columns>>, string[]]>([
    [
      'a column that is gone',
      field({ name: 'total' }),
      {},
      ['column "total" is gone → contract: columns: "total" again, or the version that has it delivered too, at a path of its own'],
    ],
    [
      'another type',
      field({ name: 'name', type: 'integer' }),
      {},
      ['column "name" is string (text), expected integer → contract: columns: name: a type that is delivered as integer'],
    ],
    [
      'a type that nothing is delivered as',
      field({ name: 'name', type: 'yearmonth' }),
      {},
      ['column "name" is string (text), expected yearmonth → none: nothing is delivered as yearmonth'],
    ],
    [
      'an exact type',
      { ...field({ name: 'id' }), millrace: { types: { id: 'int32', total: 'text' } } },
      {},
      [
        'column "id" is int64, expected int32 → contract: columns: id: "int32"',
        'column "total" is gone, expected text → contract: columns: total: "text"',
      ],
    ],
    ['NULLs', field({ name: 'name', constraints: { required: true } }), {}, ['column "name" may be NULL → contract: notNull: ["name"]']],
    [
      'values twice',
      field({ name: 'day', constraints: { unique: true } }),
      {},
      ['column "day" may have a value twice → contract: orderBy: ["day"], a total order'],
    ],
    [
      'a bound',
      field({ name: 'id', constraints: { minimum: 0 } }),
      {},
      ['column "id" is int64 and reaches -9223372036854775808, expected minimum 0 → contract: columns: id: a type that reaches no further'],
    ],
    [
      'a date written otherwise',
      field({ name: 'day', type: 'date' }),
      { dateFormat: '%d.%m.%Y' },
      ['column "day" has the format %d.%m.%Y, expected default → contract: dateFormat: none, which is ISO 8601'],
    ],
    [
      'a moment written otherwise',
      field({ name: 'at', type: 'datetime', format: '%Y' }),
      {},
      ['column "at" has the format default, expected %Y → contract: timestampFormat: "%Y"'],
    ],
    [
      'fractions of seconds',
      field({ name: 'clock', type: 'time' }),
      {},
      ['column "clock" has the format any, expected default → none: a time is delivered as any, which the consumer has to read'],
    ],
    [
      'a decimal comma',
      field({ name: 'amount', type: 'number' }),
      { decimalPoint: ',' },
      ['column "amount" has "," before its fractions, expected "." → contract: decimalPoint: "."'],
    ],
    [
      'a point that groups',
      field({ name: 'amount', type: 'number', groupChar: '.' }),
      {},
      ['column "amount" has "." before its fractions, expected "." → contract: decimalPoint: "."'],
    ],
    [
      'other texts of true',
      field({ name: 'paid', type: 'boolean' }),
      { booleans: ['ja', 'nein'] },
      [
        'column "paid" has "ja" and "nein" for true and false, expected true, True, TRUE, 1 and false, False, FALSE, 0 → contract: booleans: ["true", "false"]',
      ],
    ],
    ['another NULL', field({ name: 'name' }), { null: 'NULL' }, ['column "name" has "NULL" for NULL, expected "" → contract: null: ""']],
    [
      'a NULL where none is known',
      field({ name: 'name', missingValues: [] }),
      {},
      ['column "name" has "" for NULL, expected none → contract: notNull: ["name"]'],
    ],
    [
      'places',
      { schema: { fields: [{ name: 'name' }, { name: 'id' }], fieldsMatch: 'exact' } },
      { columns: { id: 'int64', name: 'text' } },
      [
        'column "name" is column 2, expected 1 → contract: columns: name in place 1',
        'column "id" is column 1, expected 2 → contract: columns: id in place 2',
      ],
    ],
    [
      'places where there is no header',
      { schema: { fields: [{ name: 'day' }] }, dialect: { header: false } },
      { header: false },
      ['column "day" is column 5, expected 1, and the file has no header → contract: columns: day in place 1'],
    ],
    [
      'columns that are more',
      { schema: { fields: [{ name: 'id' }], fieldsMatch: ['equal'] } },
      { columns: { id: 'int64', name: 'text' } },
      [
        'column "name" not expected (fieldsMatch: "equal") → deliver the file without it too, at a path of its own; a consumer that goes by name says fieldsMatch: "subset"',
      ],
    ],
    [
      'none of the columns',
      { schema: { fields: [{ name: 'x' }], fieldsMatch: 'partial' } },
      {},
      ['none of the columns x is there → contract: columns: one of them'],
    ],
    [
      'keys',
      field({ name: 'id' }, { primaryKey: ['day', 'name'] }),
      {},
      [
        'two rows may be equal in day, name → contract: orderBy: ["day","name"], a total order',
        'column "day" of the primary key may be NULL → contract: notNull: ["day"]',
        'column "name" of the primary key may be NULL → contract: notNull: ["name"]',
      ],
    ],
    [
      'another dialect',
      field({ name: 'id' }),
      { delimiter: ';', header: false, quoting: 'all', escape: '\\', quote: "'" },
      [
        'header is false, expected true → contract: header: true',
        'delimiter is ";", expected "," → contract: delimiter: ","',
        `quoteChar is "'", expected "\\"" → contract: quote: "\\""`,
        'doubleQuote is false, expected true → contract: escape: "\\""',
      ],
    ],
    [
      'a dialect that is said',
      { ...field({ name: 'id' }), dialect: { escapeChar: '\\', doubleQuote: false, lineTerminator: '\r\n' } },
      {},
      [
        'lineTerminator is "\\n", expected "\\r\\n" → contract: lineEnd: "\\r\\n"',
        'doubleQuote is true, expected false → contract: escape: "\\\\"',
        'escapeChar is not given, expected "\\\\" → contract: escape: "\\\\"',
      ],
    ],
    [
      'another encoding',
      field({ name: 'id' }),
      { encoding: 'latin-1', unfit: 'fail' },
      ['encoding is "iso-8859-1", expected "utf-8" → contract: encoding: "utf-8"'],
    ],
    [
      'an encoding that is said',
      { ...field({ name: 'id' }), encoding: 'latin1' },
      {},
      ['encoding is "utf-8", expected "iso-8859-1" → contract: encoding: "latin-1"'],
    ],
    [
      'a mark before it',
      field({ name: 'id' }),
      { byteOrderMark: true },
      ['byteOrderMark is true, expected false → contract: byteOrderMark: false'],
    ],
    [
      'compression',
      field({ name: 'id' }),
      { compression: 'zstd' },
      ['compression is "zst", expected "none" → contract: compression: "none"'],
    ],
    [
      'no compression',
      { ...field({ name: 'id' }), path: 'a.csv.gz' },
      {},
      ['compression is "none", expected "gz" → contract: compression: "gzip"'],
    ],
    [
      'what millrace alone knows',
      { ...field({ name: 'id' }), millrace: { version: 2, zeroRows: 'fail', orderBy: ['-id'] } },
      {},
      [
        "version is 1, expected 2 → deliver that version too, at a path of its own, or take version out of the consumer's file",
        'orderBy is ["id"], expected ["-id"] → contract: orderBy: ["-id"]',
        'zeroRows is "headerOnly", expected "fail" → contract: zeroRows: "fail"',
      ],
    ],
    [
      'another format',
      { ...field({ name: 'id' }), format: 'ndjson' },
      {},
      ['format is "csv", expected "ndjson" → export it in that format'],
    ],
  ])('finds %s', (_, stated, options, found) => {
    expect(breaks(stated, options)).toEqual(found)
  })

  test('knows the type of a column whose name is escaped in the header', () => {
    const options = { columns: { '=x': 'uint8' }, orderBy: ['=x'], notNull: ['=x'], formulas: 'escape' } as const
    expect(breaks(field({ name: "'=x", type: 'integer', constraints: { maximum: 255 } }), options)).toEqual([])
  })

  test('takes a mark that is asked for, or known by name', () => {
    expect(breaks({ ...field({ name: 'id' }), millrace: { byteOrderMark: true } }, { byteOrderMark: true })).toEqual([])
    expect(breaks({ ...field({ name: 'id' }), encoding: 'utf-8-sig' }, { byteOrderMark: true })).toEqual([])
    expect(breaks({ ...field({ name: 'id' }), encoding: 'UTF-8-sig' })).toEqual([])
  })

  test.each([
    ['day', { minimum: '2018-01-01' }, 'a contract does not promise minimum "2018-01-01" of column "day", which is date'],
    ['name', { maximum: 3 }, 'a contract does not promise maximum 3 of column "name"'],
    ['id', { maximum: 'many' }, 'a contract does not promise maximum "many" of column "id"'],
  ])('refuses bounds that nobody promises: %s %j', (name, constraints, message) => {
    expect(() => breaks(field({ name, constraints }))).toThrow(ConfigError)
    expect(() => breaks(field({ name, constraints }))).toThrow(message)
  })

  test('says where, what was expected and what is', () => {
    const [stated] = resourcesIn(JSON.stringify(field({ name: 'name', type: 'integer' })), 'a.json')
    expect(stated && breachesOf(stated, candidate())).toEqual([
      expect.objectContaining({ at: 'schema.fields.name.type', expected: 'integer', actual: 'string' }),
    ])
  })
})

describe('expectationsAt', () => {
  const resource = (more: object = {}) => JSON.stringify({ schema: { fields: [{ name: 'id' }] }, ...more })

  test('reads files and folders, in the order of their names', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'deep'))
    const files = {
      'b.json': resource({ millrace: { consumer: 'billing' } }),
      'deep/a.json': resource(),
      'read.me': 'no',
      '.git.json': '{',
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const found = await expectationsAt([folder, join(folder, 'b.json')])
    expect(found.map(({ consumer, file }) => [consumer, file])).toEqual([
      ['billing', join(folder, 'b.json')],
      ['a', join(folder, 'deep/a.json')],
      ['billing', join(folder, 'b.json')],
    ])
  })

  test('refuses places that hold none', async () => {
    const folder = temporaryFolder()
    await expect(expectationsAt([folder])).rejects.toThrow(`${folder} holds no file that ends in .json`)
    await expect(expectationsAt([join(folder, 'no.json')])).rejects.toThrow('there is no')
  })
})

test.each<[object, string, string[]]>([
  [{ millrace: { export: 'a/{partition}.csv' } }, 'x.json', ['a/{partition}.csv']],
  [{ path: 'b.csv', name: 'a' }, 'x.json', ['b.csv']],
  [{ path: '2018.csv', name: 'a' }, 'x.json', ['a/{partition}.csv']],
  [{}, 'consumers/b.json', ['b.csv', 'b.txt']],
  [{ millrace: { export: 'a.csv' }, name: 'a' }, 'a.json', []],
  [{}, 'x.json', []],
])('expectedExports of %j in %s', (stated, file, paths) => {
  const exports = ['a/{partition}.csv', 'b.csv', 'b.txt'].map((path) => ({ export: { path } }))
  const expectation = { consumer: 'x', file, stated: { schema: { fields: [{ name: 'id' }] }, ...stated } }
  expect(expectedExports(expectation, exports).map((each) => each.export.path)).toEqual(paths)
  expect(wantedExport(expectation)).not.toBe('')
})
