import { execFile } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { descriptorOf } from '../../lib/export/contract/descriptor.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { exportOf, freshStore, requestOf } from '../export/kit.ts'
import type { TestContract } from '../export/names.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'

// The standard's own reader in Python, which scripts/systems.sh puts in place, reads delivered files by the JSON form of their contracts.

const PACKAGE = resolve('.systems/frictionless-5.21.0')

beforeAll(() => {
  if (!existsSync(PACKAGE)) throw new Error(`${PACKAGE} is missing; run: bash scripts/systems.sh`)
})

const columns = {
  id: 'int64',
  paid: 'boolean',
  small: 'uint8',
  amount: 'decimal(10,2)',
  ratio: 'float64',
  name: 'text',
  word: 'text',
  day: 'date',
  clock: 'time',
  at: 'timestamp',
  moment: 'timestamptz',
  tag: 'uuid',
  data: 'json',
  raw: 'bytes',
  span: 'interval',
  list: 'list(int64)',
  fields: 'struct(a int64, b text)',
} as const

const SELECT = `SELECT range AS id, range % 2 = 0 AS paid, range % 200 AS small, (range / 7)::DECIMAL(10,2) AS amount, range / 7 AS ratio,
  CASE range % 5 WHEN 0 THEN NULL WHEN 1 THEN 'say "hi"; \\, or' || chr(10) || 'not' ELSE 'Zürich' END AS name, CASE range % 3 WHEN 0 THEN '' ELSE 'x' END AS word,
  DATE '2018-02-04' + range::INTEGER AS day, TIME '05:06:07.123' AS clock, TIMESTAMP '2018-02-04 05:06:07.5' + to_hours(range) AS at, TIMESTAMPTZ '2018-02-04 05:06:07+00' + to_hours(range) AS moment,
  md5(range::VARCHAR)::UUID AS tag, '{"a": [1, null]}'::JSON AS data, 'ab'::BLOB AS raw, to_hours(range) AS span, [range, 1] AS list, {'a': range, 'b': 'x'} AS fields
FROM range(100)`

type Options = Partial<TestContract<typeof columns>>

/** A delivered file, and the JSON form of its contract beside it. */
async function delivered(options: Options, change: (given: object) => object = (given) => given) {
  const dataset = await datasetOf(temporaryFolder(), 'd', columns, SELECT)
  const target = exportOf('d/all.csv', { columns, orderBy: ['id'], notNull: ['id', 'word'], ...options })
  const root = temporaryFolder()
  const { files } = await deliver(requestOf(dataset, { export: target, partition: undefined }), freshStore(root), testContext())
  const file = join(root, 'store', files[0] ?? '')
  const descriptor = join(dirname(file), 'contract.json')
  writeFileSync(descriptor, JSON.stringify(change({ ...descriptorOf(target), path: basename(file) })))
  return descriptor
}

interface Report {
  readonly valid: boolean
  readonly errors: readonly unknown[]
  readonly tasks: readonly { readonly errors: readonly { readonly message: string }[]; readonly stats: { readonly rows: number } }[]
}

const python = (args: readonly string[], cwd: string) =>
  promisify(execFile)('python3', args, { cwd, env: { ...process.env, PYTHONPATH: PACKAGE } }).catch((error: { stdout: string }) => error)

async function validated(descriptor: string) {
  const { stdout } = await python(['-m', 'frictionless', 'validate', basename(descriptor), '--json'], dirname(descriptor))
  const { valid, errors, tasks } = JSON.parse(stdout) as Report
  return { valid, errors: [...errors, ...tasks.flatMap((task) => task.errors.map(({ message }) => message))], rows: tasks[0]?.stats.rows }
}

const CASES: [string, Options][] = [
  ['as it comes', {}],
  [
    'as spreadsheets of Europe like it',
    { delimiter: ';', decimalPoint: ',', null: 'NULL', booleans: ['ja', 'nein'], byteOrderMark: true, lineEnd: '\r\n' },
  ],
  ['with formats of its own', { dateFormat: '%-d.%-m.%Y', timestampFormat: '%x %X.%g', zone: 'Europe/Warsaw' }],
  ['in a zone', { zone: 'Europe/Warsaw', round: { ratio: 3 } }],
  ['UTF-16 with a mark', { encoding: 'utf-16le', byteOrderMark: true }],
  ['Latin-1', { encoding: 'latin-1', unfit: 'fail', quoting: 'all', quote: "'" }],
  ['gzip with a backslash before quotes', { compression: 'gzip', quoting: 'all', escape: '\\', delimiter: '\t' }],
  ['without a header', { header: false }],
]

describe('Frictionless reads a delivered file by the JSON form of its contract', () => {
  test.each(CASES)('%s', async (_, options) => {
    expect(await validated(await delivered(options))).toEqual({ valid: true, errors: [], rows: 100 })
  })

  test('and gives the values that were delivered: no NULL in a text that has none', async () => {
    const descriptor = await delivered({ decimalPoint: ',', delimiter: ';' })
    const script = `from frictionless import Resource
for row in Resource('contract.json').read_rows()[:2]:
  print([row[name] for name in ('paid', 'amount', 'name', 'word', 'day', 'clock', 'at', 'list')])`
    const { stdout } = await python(['-c', script], dirname(descriptor))
    expect(
      stdout,
    ).toBe(`[True, Decimal('0.00'), None, '', datetime.date(2018, 2, 4), datetime.time(5, 6, 7, 123000), datetime.datetime(2018, 2, 4, 5, 6, 7, 500000), [0, 1]]
[False, Decimal('0.14'), 'say "hi"; \\\\, or\\nnot', 'x', datetime.date(2018, 2, 5), datetime.time(5, 6, 7, 123000), datetime.datetime(2018, 2, 4, 6, 6, 7, 500000), [1, 1]]
`)
  })

  test('and sees where a file is not as it says', async () => {
    const wrong = await delivered({ zone: 'Europe/Warsaw' }, (given) => ({ ...given, encoding: 'utf-16' }))
    const { valid, errors } = await validated(wrong)
    expect([valid, errors.length > 0]).toEqual([false, true])
  })
})
