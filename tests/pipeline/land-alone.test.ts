import { describe, expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { type TestProject, testProject } from '../kit/project.ts'

// Pipelines of nothing but `extract`: what lands is the result.

const COLUMNS = "{ item: 'text', left: 'int64' }"

function projectOf(extract: string, partition = '', datasets: readonly string[] = ['stock']): TestProject {
  return testProject({
    'data/krakow.csv': 'item,left\nlamp,3\n',
    'data/wien.csv': 'item,left\nlamp,4\nbed,5\n',
    'pipelines/stock/pipeline.ts': `import { keys, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({ name: 'stock', schema, ${partition} extract: { ${extract} } })
`,
    'pipelines/stock/schema.ts': `export const schema = { ${datasets.map((name) => `${name}: ${COLUMNS}`).join(', ')} } as const\n`,
  })
}

const KEYS = "partition: keys(['krakow', 'wien']),"
const PARTITIONED = "stock: source('data').files('{partition}.csv')"
const SHARED = "list: source('data').files('krakow.csv')"

const run = async (project: TestProject, ...args: readonly string[]) => {
  const { code, stdout, error } = await millrace(project, 'run', 'stock', '--json', ...args)
  expect(error).toBe('')
  const report = JSON.parse(stdout) as {
    outcome: string
    partitions: { partition: string; outcome: string; steps: { stage: string; outcome: string; rows?: number }[] }[]
  }
  const rows = (steps: { stage: string; outcome: string; rows?: number }[]) =>
    steps.filter(({ stage, outcome }) => stage === 'land' && outcome === 'done').reduce((sum, step) => sum + (step.rows ?? 0), 0)
  return {
    code,
    outcome: report.outcome,
    landed: report.partitions.map(({ partition, outcome, steps }) => [partition, outcome, rows(steps)]),
  }
}
const status = async (project: TestProject) => {
  const { pipelines } = JSON.parse((await millrace(project, 'status', 'stock', '--json')).stdout) as {
    pipelines: { shared?: { state: string }; partitions: { partition: string; state: string }[] }[]
  }
  return pipelines.map(({ shared, partitions }) => ({
    shared: shared?.state,
    partitions: partitions.map(({ partition, state }) => `${partition} ${state}`),
  }))[0]
}
const planned = async (project: TestProject) => {
  const { partitions } = JSON.parse((await millrace(project, 'plan', 'stock', '--json')).stdout) as { partitions: object }
  return partitions
}
const shown = async (project: TestProject, ...args: readonly string[]) =>
  JSON.parse((await millrace(project, 'show', 'stock', ...args, '--json')).stdout) as { rowCount?: number }

describe('a pipeline of nothing but extract', () => {
  test('without partitions lands what is new, and says so', async () => {
    const project = projectOf("stock: source('data').files('krakow.csv')")
    expect(await status(project)).toEqual({ shared: 'due', partitions: [] })
    const first = await millrace(project, 'run', 'stock')
    expect(first.code).toBe(0)
    expect(first.stdout).toMatch(/^stock \(dev\): done in /)
    expect(first.stdout).toMatch(/^land +stock +- +1 .* done$/m)
    expect(first.stdout).toMatch(/^landed +\.millrace\/dev\/landing$/m)
    expect(await status(project)).toEqual({ shared: 'done', partitions: [] })

    const second = await millrace(project, 'run', 'stock')
    expect(second.stdout).toMatch(/^stock \(dev\): nothing to do, everything is up to date in /)
    expect(second.stdout).not.toMatch(/landed|done/)

    project.write({ 'data/krakow.csv': 'item,left\nlamp,3\nbed,1\n' })
    expect(await run(project)).toEqual({ code: 0, outcome: 'done', landed: [['', 'done', 2]] })
    expect(await run(project)).toEqual({ code: 0, outcome: 'unchanged', landed: [['', 'unchanged', 0]] })
    expect(JSON.stringify(await shown(project, 'stock'))).toContain('bed')
  })

  test('lands its partitions, each once', async () => {
    const project = projectOf(PARTITIONED, KEYS)
    expect(await planned(project)).toMatchObject({ done: 0, due: ['krakow', 'wien'] })
    expect(await run(project)).toEqual({
      code: 0,
      outcome: 'done',
      landed: [
        ['krakow', 'done', 1],
        ['wien', 'done', 2],
      ],
    })
    expect(await status(project)).toEqual({ shared: undefined, partitions: ['krakow done', 'wien done'] })
    expect(await planned(project)).toMatchObject({ done: 2, due: [] })
    expect(await run(project)).toEqual({ code: 0, outcome: 'unchanged', landed: [] })
    expect((await millrace(project, 'run', 'stock')).stdout).toContain('nothing to do, everything is up to date')
    // A partition that has landed is done, as in every pipeline: it is read again where it is named, or refreshed.
    project.write({ 'data/wien.csv': 'item,left\nlamp,4\n' })
    expect(await run(project, '--partition', 'wien')).toMatchObject({ outcome: 'done', landed: [['wien', 'done', 1]] })
    expect(await run(project, '--partition', 'wien')).toMatchObject({ outcome: 'unchanged', landed: [['wien', 'unchanged', 0]] })
  })

  test('lands what its partitions share, also when they are all done', async () => {
    const project = projectOf(`${PARTITIONED}, ${SHARED}`, KEYS, ['stock', 'list'])
    expect((await run(project)).landed).toEqual([
      ['', 'done', 1],
      ['krakow', 'done', 1],
      ['wien', 'done', 2],
    ])
    expect(await run(project)).toEqual({ code: 0, outcome: 'unchanged', landed: [['', 'unchanged', 0]] })
    project.write({ 'data/krakow.csv': 'item,left\nlamp,3\nbed,1\nsofa,1\n' })
    expect((await run(project)).landed).toEqual([['', 'done', 3]])
    expect(await status(project)).toEqual({ shared: 'done', partitions: ['krakow done', 'wien done'] })
  })

  test('has no partitions where partitions are declared and nothing is read by them', async () => {
    const project = projectOf(SHARED, KEYS, ['list'])
    expect(await planned(project)).toEqual({ done: 0, due: [], open: [], failed: [], held: [] })
    expect(await status(project)).toEqual({ shared: 'due', partitions: [] })
    expect(await run(project)).toEqual({ code: 0, outcome: 'done', landed: [['', 'done', 1]] })
    expect(await run(project)).toEqual({ code: 0, outcome: 'unchanged', landed: [['', 'unchanged', 0]] })
    expect(await status(project)).toEqual({ shared: 'done', partitions: [] })
  })
})
