import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CHECKOUT, testProject } from '../kit/project.ts'
import { blocksOf, commandsOf, isTold } from './blocks.ts'

test('what the page shows of certify is what it prints', { timeout: 120_000 }, async () => {
  const project = testProject({
    'data/sales.csv': `store,day\n${[1, 2].flatMap((day) => [1, 2, 3].map((store) => `${store},2024-01-0${day}T01:00:00Z`)).join('\n')}\n`,
    'pipelines/shop/pipeline.ts': `import { contract, csv, day, pipeline, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'shop', schema, partition: day({ from: '2024-01-01', to: '2024-01-03' }),
  extract: { sale: source('data').files('sales.csv', { window: 'day' }) },
  transform: { revenue: sql\`SELECT store, current_date - day::DATE AS age FROM sale\` },
  export: { revenue: csv('revenue/{partition}.csv', { contract: contract({ formulas: 'raw', columns: { store: 'int64', age: 'int64' }, orderBy: ['store'] }) }) },
})`,
    'pipelines/shop/schema.ts': `export const schema = { sale: { store: 'int64', day: 'timestamptz' }, revenue: { store: 'int64', age: 'int64' } } as const\n`,
  })
  expect((await project.millrace('run', 'shop', '--only', 'land')).code).toBe(0)
  const page = readFileSync(join(CHECKOUT, 'docs/certify.md'), 'utf8')
  const [told] = commandsOf(blocksOf(page).find(({ language }) => language === 'console')?.text ?? '')
  const { code, stdout } = await project.millrace(...(told?.command.split(' ').slice(1) ?? []))
  expect(code).toBe(told?.exit)
  expect(isTold(told?.output ?? '', stdout, project.folder), stdout).toBe(true)
})
