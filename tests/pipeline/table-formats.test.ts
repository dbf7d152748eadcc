import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Latest, SetManifest } from '../../lib/export/manifest.ts'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

it('all formats of a dataset are one named delivery, which verifies, shows its contracts, and has nothing to do a second time', async () => {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  const p = testProject({
    'pipelines/p/pipeline.ts': `import { arrow, contract, csv, day, excel, ndjson, parquet, pipeline, source, tableContract } from '#millrace'
import { schema } from './schema.ts'
const columns = { day: 'date', amount: 'int64' } as const
const text = contract({ columns, orderBy: ['day', 'amount'], formulas: 'raw' })
const table = tableContract({ columns, orderBy: ['day', 'amount'], notNull: ['day'] })
const delivery = 'sales'
export default pipeline({
  name: 'p', schema,
  partition: day({ from: '2024-01-01', to: '2024-01-03' }),
  extract: { sale: source('data').files('sales.csv', { window: 'day' }) },
  export: {
    sale: [
      csv('csv/{partition}.csv', { contract: text, delivery }),
      ndjson('lines/{partition}.ndjson', { contract: table, delivery, bigNumbers: 'text', compression: 'gzip' }),
      parquet('parquet/{partition}.parquet', { contract: table, delivery }),
      arrow('arrow/{partition}.arrow', { contract: table, delivery }),
      excel('excel/{partition}.xlsx', { contract: table, delivery, bigNumbers: 'number', sheet: 'Sales', plain: true }),
    ],
  },
})
`,
    'pipelines/p/schema.ts': "export const schema = { sale: { day: 'date', amount: 'int64' } } as const\n",
    'data/sales.csv': 'day,amount\n2024-01-01,1\n2024-01-01,20\n2024-01-02,3\n',
  })
  const first = await millrace(p, 'run', 'p')
  expect(first.stdout + first.stderr).toContain('sales, switched: 10 files, 15 rows')
  const read = (path: string) => readFileSync(p.path('.millrace/dev/export', path), 'utf8')
  const set = SetManifest.parse(JSON.parse(read(Latest.parse(JSON.parse(read('sales/latest.json'))).manifest)))
  expect(set.members.map(({ contract, rows, files }) => [contract.format, rows, files[0]?.key.replace(/^[^.]*\./, '')])).toEqual([
    ...[
      ['arrow', 2, 'arrow'],
      ['arrow', 1, 'arrow'],
      ['csv', 2, 'csv'],
      ['csv', 1, 'csv'],
      ['xlsx', 2, 'xlsx'],
      ['xlsx', 1, 'xlsx'],
    ],
    ...[
      ['ndjson', 2, 'ndjson.gz'],
      ['ndjson', 1, 'ndjson.gz'],
      ['parquet', 2, 'parquet'],
      ['parquet', 1, 'parquet'],
    ],
  ])
  expect(existsSync(p.path('.millrace/dev/export/excel/2024-01-01.xlsx'))).toBe(true)
  expect((await millrace(p, 'verify', p.path('.millrace/dev/export/sales'))).stdout).toContain('as delivered, 15 rows')
  expect((await millrace(p, 'run', 'p')).stdout).toContain('nothing to do')
  const shown = await millrace(p, 'contract', 'show', 'p')
  expect(shown.stdout).toContain('sheet        Sales')
  expect(shown.stdout).toContain('big numbers  text')
})
