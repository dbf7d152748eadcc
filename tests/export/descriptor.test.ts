import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { type ContractOptions, contract } from '../../lib/export/contract/contract.ts'
import { contractFromDescriptor } from '../../lib/export/contract/contract-from-descriptor.ts'
import { descriptorOf, resourceName } from '../../lib/export/contract/descriptor.ts'
import { resourcesIn } from '../../lib/export/contract/descriptor-text.ts'
import { writtenContract } from '../../lib/export/contract/written-contract.ts'
import { anyContract } from './any-contract.ts'
import type { TestContract } from './names.ts'

const of = (options: TestContract<Columns>, path = 'daily/{partition}.csv') =>
  descriptorOf({ path, contract: contract({ formulas: 'raw', ...options } as ContractOptions<Columns>) })
const fieldOf = (type: string, options: Partial<TestContract<Columns>> = {}) =>
  of({ columns: { x: type }, orderBy: ['x'], ...options }).schema.fields[0]
const read = (value: unknown) => resourcesIn(JSON.stringify(value), 'a.json')

test('descriptorOf gives a data resource of the standard, with what it has no word for beside it', () => {
  const columns = { id: 'int64', name: 'text', paid: 'boolean', amount: 'decimal(10,2)', at: 'timestamptz' }
  expect(
    of({
      columns,
      version: 2,
      notNull: ['id', 'name'],
      orderBy: ['-id'],
      delimiter: ';',
      null: 'NULL',
      decimalPoint: ',',
      booleans: ['1', '0'],
    }),
  ).toEqual({
    $schema: 'https://datapackage.org/profiles/2.0/dataresource.json',
    name: 'daily',
    type: 'table',
    path: 'daily/{partition}.csv',
    format: 'csv',
    mediatype: 'text/csv',
    encoding: 'utf-8',
    dialect: { header: true, delimiter: ';', lineTerminator: '\n', quoteChar: '"', doubleQuote: true, nullSequence: 'NULL' },
    schema: {
      fields: [
        { name: 'id', type: 'integer', constraints: { required: true } },
        { name: 'name', type: 'string', constraints: { required: true }, missingValues: [] },
        { name: 'paid', type: 'boolean', trueValues: ['1'], falseValues: ['0'] },
        { name: 'amount', type: 'number', decimalChar: ',' },
        { name: 'at', type: 'datetime' },
      ],
      missingValues: ['NULL'],
      primaryKey: ['id'],
    },
    millrace: {
      export: 'daily/{partition}.csv',
      version: 2,
      types: columns,
      orderBy: ['-id'],
      formulas: 'raw',
      quoting: 'minimal',
      byteOrderMark: false,
      compression: 'none',
      booleans: ['1', '0'],
      decimalPoint: ',',
      zone: 'UTC',
      round: {},
      zeroRows: 'headerOnly',
    },
  })
})

test.each([
  ['uint8', {}, { type: 'integer' }],
  ['float64', { round: { x: 2 } }, { type: 'number' }],
  ['uuid', {}, { type: 'string', format: 'uuid' }],
  ['json', {}, { type: 'string' }],
  ['bytes', {}, { type: 'string' }],
  ['interval', {}, { type: 'string' }],
  ['date', {}, { type: 'date' }],
  ['date', { dateFormat: '%-d.%-m.%Y' }, { type: 'date', format: '%d.%m.%Y' }],
  ['date', { dateFormat: '%x' }, { type: 'date', format: '%Y-%m-%d' }],
  ['time', {}, { type: 'time', format: 'any' }],
  ['timestamp', { timestampFormat: '%c.%g 100%%n' }, { type: 'datetime', format: '%Y-%m-%d %H:%M:%S.%f 100%%n' }],
  ['timestamptz', { timestampFormat: '%Y-%m-%dT%T%z' }, { type: 'datetime', format: 'any' }],
  ['list(int64)', {}, { type: 'array' }],
  ['struct(a int64)', {}, { type: 'object' }],
] as const)('fieldOf %s %j', (type, options, field) => {
  expect(fieldOf(type, options)).toEqual({ name: 'x', ...field })
})

test.each<[string, Partial<TestContract<Columns>>, object]>([
  ['columns that are never NULL', { notNull: ['x', 'at'] }, { primaryKey: ['x', 'at'] }],
  ['a column that may be NULL', { notNull: ['at'] }, { uniqueKeys: [['x', 'at']] }],
  ['days of moments', { timestampFormat: '%Y-%m-%d' }, {}],
  ['texts that are changed', { formulas: 'escape' }, {}],
  ['characters that are replaced', { encoding: 'latin-1', unfit: 'replace' }, {}],
])('descriptorOf has a key only where the order stays one in the file: %s', (_, options, keys) => {
  const {
    fields: _f,
    missingValues: _m,
    ...rest
  } = of({ columns: { x: 'text', at: 'timestamp' }, orderBy: ['at', '-x'], ...options }).schema
  expect(rest).toEqual(keys)
})

test('descriptorOf calls columns as the header does', () => {
  const { schema, millrace } = of({ columns: { '=x': 'int64' }, orderBy: ['=x'], formulas: 'escape', notNull: ['=x'] })
  expect([schema.fields[0]?.name, schema.primaryKey, millrace.types]).toEqual(["'=x", ["'=x"], { '=x': 'int64' }])
})

test.each([
  ['utf-8', true, 'utf-8'],
  ['utf-16le', false, 'utf-16le'],
  ['utf-16le', true, 'utf-16'],
  ['latin-1', false, 'iso-8859-1'],
  ['windows-1252', false, 'windows-1252'],
] as const)('descriptorOf names %s (mark: %s) as IANA does: %s', (encoding, byteOrderMark, name) => {
  expect(of({ columns: { x: 'text' }, orderBy: ['x'], encoding, byteOrderMark, unfit: 'fail' }).encoding).toBe(name)
})

test.each([
  ['quakes/daily/{partition}.csv', 'quakes-daily'],
  ['{partition}/Umsätze 2.csv.gz', 'ums-tze-2'],
  ['{partition}.csv', 'export'],
  ['a', 'a'],
])('resourceName of %s is %s', (path, name) => {
  expect(resourceName(path)).toBe(name)
})

test('contractFromDescriptor gives back what descriptorOf was given', () => {
  fc.assert(
    fc.property(anyContract, (given) => {
      const [stated] = read(descriptorOf({ path: 'a/{partition}.csv', contract: given }))
      expect(stated && contractFromDescriptor(stated, 'a.json')).toEqual(writtenContract(given))
    }),
    { numRuns: 300 },
  )
})

const whole = of({ columns: { id: 'int64', day: 'date' }, orderBy: ['id'], notNull: ['id'] })

describe('contractFromDescriptor', () => {
  const from = (value: unknown) => contractFromDescriptor(read(value)[0] ?? expect.unreachable(), 'a.json')

  test('has Frictionless’ defaults for what is left out', () => {
    const { dialect: _d, encoding: _e, millrace, ...rest } = whole
    const { version, types, orderBy } = millrace
    expect(from({ ...rest, millrace: { version, types, orderBy } })).toMatchObject({ delimiter: ',', lineEnd: '\r\n', encoding: 'utf-8' })
  })

  test.each<[string, unknown, string]>([
    ['no version', { ...whole, millrace: { ...whole.millrace, version: undefined } }, 'is no whole contract'],
    [
      'a type that is another',
      { ...whole, millrace: { ...whole.millrace, types: { id: 'text', day: 'date' } } },
      'schema.fields[0].type is "integer", and the rest of it makes that "string"',
    ],
    ['a format that is another', { ...whole, millrace: { ...whole.millrace, dateFormat: '%d.%m.%Y' } }, 'a.json contradicts itself'],
    ['other fields', { ...whole, schema: { fields: [{ name: 'id' }] } }, 'a.json has 1 fields, and millrace.types 2'],
    ['a format of others', { ...whole, format: 'xls' }, 'format "xls" is none that millrace writes'],
    ['an encoding of others', { ...whole, encoding: 'ebcdic' }, 'encoding "ebcdic" is none that millrace writes'],
  ])('refuses %s', (_, value, message) => {
    expect(() => from(value)).toThrow(ConfigError)
    expect(() => from(value)).toThrow(message)
  })
})

describe('resourcesIn', () => {
  const fields = [{ name: 'id' }]

  test('reads a resource, a list, a package and a schema alone', () => {
    expect(read({ schema: { fields } })).toEqual([{ schema: { fields } }])
    expect(read([{ schema: { fields } }, { name: 'b', schema: { fields } }])).toHaveLength(2)
    expect(read({ name: 'p', resources: [{ name: 'a', schema: { fields } }] })).toEqual([{ name: 'a', schema: { fields } }])
    expect(read({ fields, millrace: { consumer: 'x' } })).toEqual([{ schema: { fields }, millrace: { consumer: 'x' } }])
  })

  test('takes both forms of the standard', () => {
    const schema = { fields, fieldsMatch: ['exact'], primaryKey: 'id', missingValues: [{ value: '-', label: 'none' }, ''] }
    expect(read({ schema })[0]?.schema).toEqual({ fields, fieldsMatch: 'exact', primaryKey: ['id'], missingValues: ['-', ''] })
  })

  test.each<[unknown, string, string | undefined]>([
    [
      { schema: { fields: [{ name: 'id', constraints: { requried: true } }] } },
      'a.json at schema.fields[0].constraints: unknown property "requried"; did you mean "required"?',
      'there are: required',
    ],
    [
      { schema: { fields: [{ name: 'id', constraints: { pattern: '^a' } }] } },
      'a.json at schema.fields[0].constraints: a contract does not promise pattern',
      'take pattern out of the file',
    ],
    [{ schema: { fields, foreignKeys: [] } }, 'a.json at schema: a contract does not promise foreignKeys', undefined],
    [{ schema: { fields }, dialekt: {} }, 'a.json: unknown property "dialekt"; did you mean "dialect"?', undefined],
    [{ schema: { fields: [{ name: 'id', type: 'int' }] } }, 'a.json at schema.fields[0].type: invalid option: expected one of', undefined],
    [{ schema: { fields: [] } }, 'a.json at schema.fields: ', undefined],
    [
      [{ schema: { fields } }, { schema: { fields: [...fields, ...fields] } }],
      `a.json at [1].schema.fields[${fields.length}]: column "id" is named twice`,
      'a file has a column once',
    ],
    [[{ schema: { fields } }, { schema: 5 }], 'a.json at [1].schema: invalid input: expected object', undefined],
    [[], 'a.json describes no resource', undefined],
  ])('refuses %j', (value, message, hint) => {
    const error = (() => {
      try {
        read(value)
      } catch (caught) {
        return caught as ConfigError
      }
      return expect.unreachable()
    })()
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain(message)
    if (hint !== undefined) expect(error.hint).toContain(hint)
  })

  test('reads past a byte-order mark, and refuses what is no JSON', () => {
    expect(resourcesIn(`\uFEFF${JSON.stringify({ fields })}`, 'a.json')).toHaveLength(1)
    expect(() => resourcesIn('{', 'a.json')).toThrow('a.json is no JSON')
  })
})
