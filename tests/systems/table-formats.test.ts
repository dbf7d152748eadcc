import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { arrow, type Export, excel, ndjson, parquet } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { everyColumn, everySelect } from '../export/every-type.ts'
import { deliverSelect } from '../export/table-kit.ts'

// The readers of other teams, which scripts/systems.sh puts in place: pyarrow, by footer and front to back, and openpyxl.

const PACKAGE = resolve('.systems/readers-1')

beforeAll(() => {
  if (!existsSync(PACKAGE)) throw new Error(`${PACKAGE} is missing; run: bash scripts/systems.sh`)
})

const contract = tableContract({ columns: everyColumn, orderBy: ['id'] })
const select = everySelect.replaceAll('.123456', '.123')

async function python(script: string, ...args: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)('python3', ['-c', script, ...args], { env: { ...process.env, PYTHONPATH: PACKAGE } })
  return JSON.parse(stdout)
}

const fileOf = async (target: Export<never>) => (await deliverSelect(everyColumn, select, target)).path

/** The values of the first row as Python has them. */
const VALUES = [
  ...['1', 'True', '-128', '9007199254740993', '18446744073709551615', '0.10000000149011612', '0.1', '-99.90'],
  ...['1234567890123456789012345678.0123456789', '=1+1 <&> "é" 😀 \t\nx  ', "b'\\xaa\\x00b'", '2018-02-04', '05:06:07.123000'],
  ...[
    '2018-02-04 05:06:07.123000',
    '2018-02-04 05:06:07.123000+00:00',
    '1 year 2 months 3 days 04:05:06.000007',
    '5bdeafb0-31a6-4c5c-bd6e-2f4bc6c1ad02',
  ],
  ...['{"a": [1.10, null]}', '[1, None, 9007199254740993]', "[Decimal('0.001'), None]"],
  "{'a': datetime.date(2018, 2, 4), 'b c': {'d': None, 'e': 'x'}}",
]

const TABLE = `
import json, sys
def told(table):
    table.validate(full=True)
    rows = table.to_pylist()
    print(json.dumps([[str(value) for value in rows[0].values()], list(rows[1].values()), list(rows[0].values())[1:] == list(rows[2].values())[1:], len(rows)]))
`

test('pyarrow reads Parquet with every type', async () => {
  const script = `${TABLE}\nimport pyarrow.parquet as pq\ntold(pq.read_table(sys.argv[1]))`
  expect(await python(script, await fileOf(parquet('e.parquet', { contract })))).toEqual([VALUES, [2, ...Array(20).fill(null)], true, 3])
})

test('pyarrow reads Arrow with every type, by its footer and front to back', async () => {
  const file = await fileOf(arrow('e.arrow', { contract }))
  const byFooter = `${TABLE}\nimport pyarrow.ipc as ipc\ntold(ipc.open_file(sys.argv[1]).read_all())`
  const fromFront = `${TABLE}\nimport pyarrow.ipc as ipc\nfile = open(sys.argv[1], "rb")\nfile.read(8)\ntold(ipc.open_stream(file).read_all())`
  for (const script of [byFooter, fromFront]) expect(await python(script, file)).toEqual([VALUES, [2, ...Array(20).fill(null)], true, 3])
})

test('Python reads lines of JSON, and no digit is lost to one that keeps them', async () => {
  const script = `
import json, sys, decimal
rows = [json.loads(line, parse_float=decimal.Decimal) for line in open(sys.argv[1], encoding="utf-8")]
print(json.dumps([len(rows), list(rows[0]), str(rows[0]["c2"]), str(rows[0]["c7"]), rows[0]["c8"], set(list(rows[1].values())[1:]) == {None}]))`
  expect(await python(script, await fileOf(ndjson('e.ndjson', { contract, bigNumbers: 'number' })))).toEqual([
    ...[3, Object.keys(everyColumn), '9007199254740993', '1234567890123456789012345678.0123456789', '=1+1 <&> "é" 😀 \t\nx  ', true],
  ])
})

test('openpyxl reads a workbook: types, formats, and no formula', async () => {
  const script = `
import json, sys, openpyxl
book = openpyxl.load_workbook(sys.argv[1])
rows = list(book["Rows"].iter_rows())
print(json.dumps([book.sheetnames, [str(cell.value) for cell in rows[1]], [cell.data_type for cell in rows[1]], [cell.value for cell in rows[2]], rows[1][7].number_format]))`
  const target = excel('e.xlsx', { contract, sheet: 'Rows', bigNumbers: 'text', zone: 'Europe/Warsaw' })
  expect(await python(script, await fileOf(target))).toEqual([
    ['Rows'],
    [
      ...[
        '1',
        'True',
        '-128',
        '9007199254740993',
        '18446744073709551615',
        '0.1',
        '0.1',
        '-99.9',
        '1234567890123456789012345678.0123456789',
      ],
      ...[
        '=1+1 <&> "é" 😀 \t\nx  ',
        'aa0062',
        '2018-02-04 00:00:00',
        '05:06:07.123000',
        '2018-02-04 05:06:07.123000',
        '2018-02-04 06:06:07.123000',
      ],
      ...[
        '1 year 2 months 3 days 04:05:06.000007',
        '5bdeafb0-31a6-4c5c-bd6e-2f4bc6c1ad02',
        '{"a": [1.10, null]}',
        '[1,null,9007199254740993]',
        '[0.001,null]',
      ],
      '{"a":"2018-02-04","b c":{"d":null,"e":"x"}}',
    ],
    [...'nbnssnnnsssddddssssss'],
    [2, ...Array(20).fill(null)],
    '0.00',
  ])
})
