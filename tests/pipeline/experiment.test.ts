import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pl from 'nodejs-polars'
import { describe, expect, test } from 'vitest'
import { notNull, rowCount, unique, warn } from '../../lib/check/rules.ts'
import { experimentText } from '../../lib/cli/experiment-text.ts'
import { experiment, fixture } from '../../lib/pipeline/experiment/experiment.ts'
import { experimentNames, runExperiment } from '../../lib/pipeline/experiment/run-experiment.ts'
import { openProject } from '../../lib/pipeline/project.ts'
import { sql } from '../../lib/transform/steps.ts'
import { temporaryFolder } from '../kit/context.ts'

const root = new URL('../../', import.meta.url).pathname

/** A project with one experiment `e`, whose file's body is `text`, and a fixture a.csv. */
async function project(text: string) {
  const folder = temporaryFolder()
  const lib = new URL('../../lib/index.ts', import.meta.url).href
  const names = 'config, duckdb, experiment, files, fixture, landed, local, notNull, rowCount, sql, unique, warn'
  const files = {
    'millrace.config.ts': `import { ${names} } from '${lib}'
export default config({ profiles: { dev: { connections: {}, warehouse: duckdb('w.duckdb'), landing: local('landing'), store: local('export') } } })`,
    'experiments/e.exp.ts': `import { ${names} } from '${lib}'\n${text}`,
    'fixtures/a.csv': 'id,name\n2,b\n1,\n3,"x\ty"\n',
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return openProject(folder)
}

describe('runExperiment', () => {
  test('prints the experiment that ships the same every time', async () => {
    const opened = await openProject(root)
    const text = experimentText(await runExperiment(opened, 'late-evenings'))
    await expect(text).toMatchFileSnapshot('../../experiments/late-evenings.exp.txt')
    expect(experimentText(await runExperiment(opened, 'late-evenings'))).toBe(text)
  })

  test('gives cells in a stated order, verdicts and the exit code', async () => {
    const report = await runExperiment(
      await project(`export default experiment({
        inputs: { a: fixture('fixtures/a.csv') },
        cells: { twice: sql\`SELECT id * 2 AS id, name FROM a\`, big: ({ twice }) => twice.select('id') },
        checks: { twice: [unique('id'), warn(notNull('name'))], big: [rowCount({ min: 9 })] },
        show: { big: { orderBy: ['-id'], rows: 2 } },
      })`),
      'e',
    )
    expect(report.inputs).toEqual([{ name: 'a', from: 'fixtures/a.csv', rows: 3 }])
    expect(report.cells.map(({ name, engine, rows }) => [name, engine, rows])).toEqual([
      ['twice', 'duckdb', 3],
      ['big', 'polars', 3],
    ])
    expect(report.cells[0]?.sample).toEqual([
      ['2', null],
      ['4', 'b'],
      ['6', 'x\ty'],
    ])
    expect(report.cells[1]?.sample).toEqual([['6'], ['4']])
    expect(report.checks.map(({ dataset, passed, severity }) => [dataset, passed, severity])).toEqual([
      ['twice', true, 'error'],
      ['twice', false, 'warn'],
      ['big', false, 'error'],
    ])
    expect(report.exitCode).toBe(3)
    expect(experimentText(report)).toContain('big (polars): 2 of 3 rows, by -id')
  })

  test.each([
    ["fixture('fixtures/b.csv')", 'fixture fixtures/b.csv is not there'],
    ["fixture('../b.csv')", 'fixture ../b.csv lies outside the project'],
    ["landed('nope', 'a')", 'no pipeline "nope"'],
  ])('refuses the input %s', async (input, message) => {
    const opened = await project(`export default experiment({ inputs: { a: ${input} }, cells: { c: sql\`FROM a\` } })`)
    await expect(runExperiment(opened, 'e')).rejects.toThrow(message)
  })

  test('names an experiment that is not there, and a file that is none', async () => {
    const opened = await project('export default {}')
    await expect(runExperiment(opened, 'f')).rejects.toThrow(/no experiment "f": .*f\.exp\.ts is not there/)
    await expect(runExperiment(opened, 'f')).rejects.toMatchObject({ hint: 'there are: e' })
    expect(await experimentNames(opened.config.folder)).toEqual(['e'])
    await expect(runExperiment(opened, 'e')).rejects.toThrow('experiments/e.exp.ts does not export an experiment')
  })
})

test('experiment refuses a name that is an input and a cell, and no cells', () => {
  expect(() => experiment<string, string>({ inputs: { a: fixture('a.csv') }, cells: { a: sql`SELECT 1` } })).toThrow(
    '"a" is an input and a cell of the experiment',
  )
  expect(() => experiment({ inputs: { a: fixture('a.csv') }, cells: {} })).toThrow('an experiment needs cells')
})

test('experiment knows the names of inputs and cells', () => {
  experiment({
    inputs: { a: fixture('a.csv') },
    cells: {
      b: ({ a }) => a.select('x'),
      // @ts-expect-error there is no "bb"
      c: ({ bb }) => bb,
      d: sql`FROM b`,
      e: { frame: ({ d }) => d.filter(pl.col('x').gt(1)) },
    },
    checks: { b: [notNull('x')], a: [unique('x')] },
  })
  experiment({
    inputs: { a: fixture('a.csv') },
    cells: { b: ({ a }) => a },
    // @ts-expect-error there is no "bee"
    checks: { bee: [rowCount({ min: 1 })] },
  })
  experiment({
    inputs: { a: fixture('a.csv') },
    cells: { b: ({ a }) => a },
    checks: { b: [warn(notNull('x'))] },
    // @ts-expect-error an input is not printed
    show: { a: { rows: 1 } },
  })
})
