import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { local } from '../../../lib/connectors/local/index.ts'
import { type TestProject, testProject } from '../../kit/project.ts'

const pipelineOf = (least: number, header = '') => ({
  'pipelines/p/pipeline.ts': `import { contract, csv, day, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: day({ from: '2024-01-07' }), parameters: { least: ${least} },
  extract: { sale: source('data').files('sales.csv', { window: 'sold' }) },
  transform: { big: sql\`SELECT id FROM sale WHERE id >= $least\` },
  load: { sale: replacePartition('sale'), big: replacePartition('big') },
  export: { sale: csv('sale/{partition}.csv', { contract: contract({ formulas: 'raw', ${header} columns: { id: 'int32' }, orderBy: ['id'] }) }) },
})`,
})

const project = () =>
  testProject({
    'data/sales.csv': 'id,sold\n1,2024-01-07 10:00:00\n2,2024-01-08 10:00:00\n3,2024-01-09 10:00:00\n',
    'pipelines/p/schema.ts': "export const schema = { sale: { id: 'int32', sold: 'timestamp' }, big: { id: 'int32' } } as const\n",
    ...pipelineOf(1),
  })

interface Told {
  readonly stale?: { readonly partitions: readonly string[]; readonly again: string }
}

async function told(project: TestProject) {
  const json = async (command: string) => {
    const { code, stdout, stderr } = await project.millrace(command, 'p', '--json')
    expect(code, stdout + stderr).toBe(0)
    return JSON.parse(stdout)
  }
  const [run, status, plan] = [await json('run'), await json('status'), await json('plan')] as [
    Told,
    { readonly pipelines: readonly Told[] },
    { readonly partitions: Told },
  ]
  return { run: run.stale, status: status.pipelines[0]?.stale, plan: plan.partitions.stale }
}
process.env.TEST_NOW = '2024-01-10T12:00:00Z'

const nothing = { run: undefined, status: undefined, plan: undefined }

test('run, status and plan say which partitions other code has made, and the command makes them again', async () => {
  const sales = project()
  await sales.millrace('run', 'p')
  expect(await told(sales)).toEqual(nothing)
  sales.write(pipelineOf(2))
  // The open day is not among them, nor in the command.
  const all = { partitions: ['2024-01-07', '2024-01-08', '2024-01-09'], again: 'millrace run p --from 2024-01-07 --to 2024-01-10' }
  expect(await told(sales)).toEqual({ run: all, status: all, plan: all })
  const line = `3 stale: made by other code; name them to make them again (${all.again})`
  const run = (await sales.millrace('run', 'p')).stdout
  expect(run).toMatch(/^p \(dev\): nothing is due in /)
  expect(run.trimEnd().endsWith(`\n${line}`)).toBe(true)
  const status = (await sales.millrace('status', 'p')).stdout
  expect(status).toContain(`\n${line}\n`)
  expect(status).toMatch(/^2024-01-07 +done, stale /m)
  expect((await sales.millrace('plan', 'p')).stdout).toContain(`partitions, as last seen: 3 done; 1 open (2024-01-10)\n${line}`)
  await sales.millrace('run', 'p', '--partition', '2024-01-07')
  const two = { partitions: ['2024-01-08', '2024-01-09'], again: 'millrace run p --from 2024-01-08 --to 2024-01-10' }
  expect(await told(sales)).toEqual({ run: two, status: two, plan: two })
  await sales.millrace('ledger', 'rebuild')
  expect((await told(sales)).plan).toEqual(two)
  await sales.millrace(...two.again.split(' ').slice(1))
  expect(await told(sales)).toEqual(nothing)
})

test('--force and --refresh say which partitions they leave alone, where none is named', async () => {
  const sales = project()
  expect((await sales.millrace('run', 'p', '--force')).stdout).not.toContain('--force')
  const left = '3 partitions that are up to date were left alone; name what is to be made again, by --partition or --from'
  for (const flags of [['--force'], ['--refresh'], ['--force', '--refresh']]) {
    const { code, stdout } = await sales.millrace('run', 'p', ...flags)
    expect([code, stdout]).toEqual([0, expect.stringContaining(`warning: ${flags.join(' and ')}: ${left}`)])
  }
  expect((await sales.millrace('run', 'p', '--force', '--partition', '2024-01-08')).stdout).not.toContain('left alone')
})

test('another contract makes its partitions stale', async () => {
  const sales = project()
  await sales.millrace('run', 'p')
  sales.write(pipelineOf(1, "delimiter: ';',"))
  expect((await told(sales)).status?.partitions).toEqual(['2024-01-07', '2024-01-08', '2024-01-09'])
})

test('run --stale ends what a run that was killed between a switch and its plain copy has made again', async () => {
  const sales = project()
  const plain = (header: string) => {
    const [[file = '', code = ''] = []] = Object.entries(pipelineOf(1, header))
    return { [file]: code.replace('}) }) },', '}), plain: true }) },') }
  }
  sales.write(plain(''))
  await sales.millrace('run', 'p')
  const store = local(sales.path('.millrace/dev/export')).openStore()
  const copy = 'sale/2024-01-07.csv'
  const before = { bytes: await text(await store.get(copy)), metadata: (await store.head(copy))?.metadata ?? {} }
  sales.write(plain("quoting: 'all',"))
  await sales.millrace('run', 'p', '--partition', '2024-01-07')
  await store.put(copy, { bytes: before.bytes }, { metadata: before.metadata })
  const { stdout } = await sales.millrace('plan', 'p', '--stale')
  expect(stdout).toContain('3 of 3 partitions that are done are stale')
  await sales.millrace('run', 'p', '--stale')
  expect(await text(await store.get(copy))).toBe('"id"\n"1"\n')
  store.close()
})
