import { describe, expect, it } from 'vitest'
import { testProject } from '../kit/project.ts'

const pipeline = (name: string, target: string) => ({
  [`pipelines/${name}/schema.ts`]: "export const schema = { stock: { item: 'text', left: 'int64' } } as const\n",
  [`pipelines/${name}/pipeline.ts`]: `import { contract, csv, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
const items = contract({ formulas: 'raw', columns: { item: 'text', left: 'int64' }, orderBy: ['item'] })
export default pipeline({
  name: '${name}', schema,
  extract: { stock: source('data').files('stock.csv') },
  export: { stock: csv(${target}) },
})`,
})

describe('two pipelines of a project', () => {
  it('are refused by contract check where they deliver to one path, also with equal rows', async () => {
    const both = "'stock.csv', { contract: items }"
    const project = testProject({ 'data/stock.csv': 'item,left\nlamp,3\n', ...pipeline('one', both), ...pipeline('two', both) })
    const message = '"stock.csv" is exported from both pipeline two (stock) and pipeline one (stock)'
    const check = () => project.millrace('contract', 'check', 'one')
    expect(await check()).toMatchObject({ code: 2, stderr: expect.stringContaining(message) })
    project.write(pipeline('two', "'stock-2.csv', { contract: items }"))
    expect(await check()).toMatchObject({ code: 0 })
    project.write({ 'pipelines/two/pipeline.ts': 'oops(' })
    expect(await check()).toMatchObject({ code: 0 })
  })
})
