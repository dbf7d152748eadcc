import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorReport, errorText } from '../../lib/observe/error-report.ts'
import { plan } from '../../lib/pipeline/define/plan.ts'
import { openProject, type Project } from '../../lib/pipeline/project.ts'
import { makeProject, type TestProject } from '../kit/project.ts'

/** A right pipeline; each case makes one thing wrong in it. */
const RIGHT = `import { append, accepted, between, contract, csv, day, freshness, keys, matches, merge, month, notNull, pipeline, references, replace, replacePartition, rowCount, source, sql, udf, unique, year } from '#millrace'
const schema = {
  sale: { id: 'int32', sold: 'timestamp', shop: 'text', amount: 'decimal(9,2)', lasted: 'interval' },
  customer: { id: 'int32', name: 'text', changed: 'timestamp' },
  shop: { code: 'text', name: 'text' },
}
const perDay = contract({ formulas: 'raw', columns: { day: 'date', amount: 'decimal(38,2)' }, orderBy: ['day'] })
export default pipeline({
  name: '$NAME', schema, partition: day({ from: '2024-01-01' }), parameters: { least: 5 },
  extract: {
    sale: source('data').files('sales.csv', { window: 'sold' }),
    customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id' }),
    shop: source('data').files('shops.csv'),
  },
  transform: {
    daily: sql\`SELECT CAST(sold AS DATE) AS day, sum(amount) AS amount FROM sale GROUP BY ALL\`,
    named: ({ shop }) => shop.select('code', 'name'),
  },
  check: { daily: [notNull('day')] },
  load: { daily: replacePartition('fct_daily'), customer: merge('dim_customer', { key: 'id' }) },
  export: { daily: csv('daily/{partition}.csv', { contract: perDay }) },
})
`

/** [what is wrong, what stands there, what is put in its place, the whole error that a person sees]. */
export type WrongPipeline = readonly [name: string, right: string, wrong: string, message: string]

/** Tests that `plan` refuses each with its error, exit 2. `more`: files of the project beside the pipelines. */
export function testWrongPipelines(cases: readonly WrongPipeline[], more: Readonly<Record<string, string>> = {}): void {
  let project: TestProject
  let opened: Project

  beforeAll(async () => {
    const pipelines = cases.map(([name, right, wrong]) => {
      const text = RIGHT.replace(right, () => wrong)
      if (text === RIGHT) throw new Error(`case ${name} changes nothing`)
      return [`pipelines/${name}/pipeline.ts`, text.replace('$NAME', name)]
    })
    project = makeProject({ ...more, ...Object.fromEntries(pipelines) })
    opened = await openProject(project.folder)
  })

  afterAll(() => project.remove())

  describe('plan', () => {
    it.each(cases)('refuses a wrong pipeline: %s', async (name, _right, _wrong, message) => {
      const error = await plan(opened, name).then(
        () => undefined,
        (thrown: unknown) => errorReport(thrown),
      )
      if (!error) throw new Error('the plan held')

      expect(errorText(error).replaceAll(project.folder, '<project>')).toBe(message)
      expect(error.exitCode).toBe(2)
    })
  })
}
