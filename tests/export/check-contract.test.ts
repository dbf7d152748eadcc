import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../lib/core/errors.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { checkContract } from '../../lib/export/contract/check-contract.ts'
import { type Contract, type ContractOptions, contract } from '../../lib/export/contract/contract.ts'
import { orderColumns, orderSql } from '../../lib/export/contract/order.ts'
import { temporaryFolder } from '../kit/context.ts'

const dataset = { '=sum': 'text', id: 'int64', amount: 'decimal(10,2)', rate: 'float64', at: 'timestamptz', '2018': 'int8' }
const good = { columns: { id: 'int64', rate: 'float64', at: 'timestamptz' }, orderBy: ['id'] } as const
const of = (changes: Partial<Record<keyof ContractOptions<Record<string, string>>, unknown>>) =>
  contract({ formulas: 'raw', ...good, ...changes } as ContractOptions<Record<string, string>>)

describe('checkContract', () => {
  test('passes a subset of the columns with equal types, however they are spelt', () => {
    checkContract(of({}), dataset)
    checkContract(of({ columns: { amount: 'decimal( 10, 2 )', id: 'int64' } }), dataset)
    checkContract(
      of({ delimiter: '\t', quote: "'", null: '\\N', lineEnd: '\r\n', compression: 'gzip', round: { rate: 0 }, zone: 'Europe/Berlin' }),
      dataset,
    )
    checkContract(of({ gate: { key: ['rate'], added: 2, removed: 0, changed: 1, columns: { id: 0.5 } } }), dataset)
    checkContract(of({ dateFormat: '%d.%m.%y', timestampFormat: '%Y-%m-%dT%H:%M:%S.%f%z 100%%' }), dataset)
  })

  test.each<[what: string, changes: Parameters<typeof of>[0], message: string]>([
    [
      'an unknown column',
      { columns: { id: 'int64', nam: 'text' } },
      'contract column "nam" is not in the dataset; it has 2018, =sum, id, amount, rate, at',
    ],
    [
      'a column of Object.prototype',
      { columns: { id: 'int64', constructor: 'text' } },
      'contract column "constructor" is not in the dataset',
    ],
    ['another type', { columns: { id: 'int32' } }, 'contract column "id" is int32, but the dataset has int64'],
    [
      'another scale',
      { columns: { id: 'int64', amount: 'decimal(10,3)' } },
      'contract column "amount" is decimal(10,3), but the dataset has decimal(10,2)',
    ],
    ['an unknown type', { columns: { id: 'bigint' } }, 'unknown type "bigint"'],
    ['a name that moves', { columns: { id: 'int64', '2018': 'int8' } }, 'contract column "2018" cannot keep its place'],
    ['an order by no column', { orderBy: ['amount'] }, 'orderBy names "amount", which is no column of the contract'],
    ['an order that repeats', { orderBy: ['id', '-id'] }, 'orderBy names "id" twice'],
    ['a gate of an unknown key', { gate: { key: ['amount'] } }, 'gate.key names "amount", which is no column of the contract'],
    [
      'a gate of an unknown column',
      { gate: { columns: { amount: 0.1 } } },
      'gate.columns names "amount", which is no column of the contract',
    ],
    ['a gate of a key column', { gate: { columns: { id: 0.1 } } }, 'gate.columns names "id", which is part of the key'],
    ['a gate without a key', { gate: { key: [] } }, 'gate.key names no column'],
    ['a gate with a key twice', { gate: { key: ['id', 'id'] } }, 'gate.key names "id" twice'],
    ['a gate in percent', { gate: { removed: 10 } }, 'gate.removed is 10; expected a share from 0 to 1'],
    ['a gate of a column in percent', { gate: { columns: { rate: 5 } } }, 'gate.columns of "rate" is 5; expected a share from 0 to 1'],
    ['a gate below nothing', { gate: { added: -1 } }, 'gate.added is -1; expected a share from 0 on'],
    ['a long delimiter', { delimiter: '||' }, 'delimiter "||" must be one ASCII character'],
    ['a delimiter beyond ASCII', { delimiter: '§' }, 'delimiter "§" must be one ASCII character'],
    ['no quote', { quote: '' }, 'quote "" must be one ASCII character'],
    ['a line end as quote', { quote: '\n' }, 'quote "\\n" must be one ASCII character'],
    ['delimiter and quote alike', { delimiter: '"' }, 'delimiter and quote are both "\\""'],
    ['a delimiter in the null text', { null: 'N,A' }, 'the null text "N,A" contains ","'],
    ['a line end in the null text', { null: 'N\nA' }, 'the null text "N\\nA" contains "\\n"'],
    ['another line end', { lineEnd: '\r' }, 'contract lineEnd "\\r" is unknown; expected "\\n", "\\r\\n"'],
    ['another compression', { compression: 'lz4' }, 'contract compression "lz4" is unknown; expected "none", "gzip", "zstd"'],
    ['no answer to formulas', { formulas: undefined }, 'contract formulas undefined is unknown; expected "raw", "escape", "reject"'],
    ['another quoting', { quoting: 'text' }, 'contract quoting "text" is unknown; expected "minimal", "nonNumeric", "all"'],
    ['another encoding', { encoding: 'utf-16', unfit: 'fail' }, 'contract encoding "utf-16" is unknown'],
    ['a mark that the encoding has not', { encoding: 'latin-1', unfit: 'fail', byteOrderMark: true }, 'latin-1 has no byte-order mark'],
    ['an escape outside quotes', { escape: '\\' }, 'escape "\\\\" needs quoting "nonNumeric" or "all"'],
    ['an escape in the null text', { escape: '\\', quoting: 'all', null: '\\N' }, 'the null text "\\\\N" contains "\\\\"'],
    ['a delimiter that escapes', { escape: ',', quoting: 'all' }, 'delimiter and escape are both ","'],
    ['booleans that are the same', { booleans: ['1', '1'] }, 'contract booleans ["1","1"] must be two texts that differ'],
    ['a null text that the encoding has not', { encoding: 'latin-1', unfit: 'fail', null: '–' }, 'latin-1 has no "–", which is in "–"'],
    ['NULL where no column is', { notNull: ['amount'] }, 'notNull names "amount", which is no column of the contract'],
    [
      'a name that is a formula',
      { columns: { id: 'int64', '=sum': 'text' }, formulas: 'reject' },
      'the name of column "=sum" is a formula',
    ],
    ['version 0', { version: 0 }, 'contract version 0 must be a whole number from 1 on'],
    ['a decimal point', { decimalPoint: ';' }, 'contract decimalPoint ";" is unknown; expected ".", ","'],
    [
      'rounding to more decimals than there are',
      { columns: { id: 'int64', amount: 'decimal(10,2)' }, round: { amount: 3 } },
      'round of "amount" is 3, and it has 2 decimal places: that rounds nothing',
    ],
    ['another answer to zero rows', { zeroRows: 'skip' }, 'contract zeroRows "skip" is unknown'],
    ['rounding what is no column', { round: { amount: 2 } }, 'round names "amount", which is no column of the contract'],
    ['rounding what is no float', { round: { id: 2 } }, 'round names "id", which is int64; only floats and decimals are rounded'],
    ['too many decimals', { round: { rate: 16 } }, 'round of "rate" is 16; expected decimal places from 0 to 15'],
    ['half a decimal', { round: { rate: 1.5 } }, 'round of "rate" is 1.5'],
    ['a wrong date format', { dateFormat: '%Q' }, 'contract dateFormat "%Q" is no strftime format'],
    ['a cut timestamp format', { timestampFormat: '%Y %' }, 'contract timestampFormat "%Y %" is no strftime format'],
    ['an unknown zone', { zone: 'Mars/Olympus' }, 'contract zone "Mars/Olympus" is no IANA time zone'],
  ])('refuses %s', (_what, changes, message) => {
    const check = () => checkContract(of(changes), dataset)
    expect(check).toThrow(ConfigError)
    expect(check).toThrow(message)
  })

  test('names the column in the place of its error', () => {
    expect.assertions(1)
    try {
      checkContract(of({ columns: { id: 'int32' } }), dataset)
    } catch (error) {
      expect(error).toMatchObject({ place: { column: 'id' } })
    }
  })

  test('knows the strftime formats of the engine', async () => {
    const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: temporaryFolder() })
    try {
      for (let code = 33; code < 127; code++) {
        for (const dash of ['', '-']) {
          const format = `%${dash}${String.fromCharCode(code)}`
          const engine = await db.meta("SELECT strftime(TIMESTAMP '2018-02-04', $format)", { format }).then(
            () => true,
            () => false,
          )
          const ours = accepts(of({ dateFormat: format }))
          expect([format, ours]).toEqual([format, engine])
        }
      }
    } finally {
      db.close()
    }
  })
})

function accepts(given: Contract): boolean {
  try {
    checkContract(given, dataset)
    return true
  } catch {
    return false
  }
}

test('orderColumns takes a leading - for descending, unless a column has that very name', () => {
  const columns = { a: 'int8', '-a': 'int8', b: 'int8' }
  expect(orderColumns(contract({ formulas: 'raw', columns, orderBy: ['-a', '-b', 'a', '--a'] }))).toEqual([
    { name: '-a', descending: false },
    { name: 'b', descending: true },
    { name: 'a', descending: false },
    { name: '-a', descending: true },
  ])
  expect(orderSql(contract({ formulas: 'raw', columns, orderBy: ['-b', 'a'] }))).toBe('"b" DESC NULLS LAST, "a" ASC NULLS LAST')
})
