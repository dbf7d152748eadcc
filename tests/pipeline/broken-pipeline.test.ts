import { expect, test } from 'vitest'
import { filesUnder } from '../kit/files-under.ts'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

const pipelineOf = (name: string) => `import { contract, csv, pipeline, replace, source } from '#millrace'
export default pipeline({
  name: '${name}', schema: { shop: { code: 'text' } },
  extract: { shop: source('data').files('shops.csv') },
  load: { shop: replace('${name}') },
  export: { shop: csv('${name}.csv', { contract: contract({ formulas: 'raw', columns: { code: 'text' }, orderBy: ['code'] }) }) },
})
`

test('status, prune and ledger rebuild go on where one pipeline is broken, say so, and leave what is its own', async () => {
  const files = (name: string) => ({ [`pipelines/${name}/pipeline.ts`]: pipelineOf(name) })
  const project = testProject({ ...files('a'), ...files('b'), ...files('c') })
  for (const rows of ['x', 'y', 'z']) {
    project.write({ 'data/shops.csv': `code\n${rows}\n` })
    for (const name of ['a', 'b', 'c']) expect((await millrace(project, 'run', name)).code).toBe(0)
  }
  project.write({ 'pipelines/b/pipeline.ts': "throw new Error('not today')" })
  const broken = /\nb: cannot be read\n {2}error: b: pipelines\/b\/pipeline\.ts cannot be loaded: not today \(line 1\)/

  const status = await millrace(project, 'status')
  expect(status.code).toBe(2)
  expect(status.stdout).toMatch(/^a \(dev\): shared: done; .*\nc \(dev\): shared: done; /)
  expect(status.stdout).toMatch(broken)
  const json = JSON.parse((await millrace(project, 'status', '--json')).stdout) as { broken: unknown }
  expect(json).toMatchObject({ pipelines: [{ pipeline: 'a' }, { pipeline: 'c' }], broken: [{ pipeline: 'b', error: { exitCode: 2 } }] })

  const own = () => filesUnder(project, '.millrace/dev').filter((file) => /(^|\/)b(\/|\.csv)/.test(file))
  const before = own()
  const rebuilt = await millrace(project, 'ledger', 'rebuild')
  expect(rebuilt.code).toBe(2)
  expect(rebuilt.stdout).toMatch(/^ledger rebuilt: 9 runs, 3 partitions\n/)
  expect(rebuilt.stdout).toMatch(broken)
  const pruned = await millrace(project, 'prune')
  expect(pruned.code).toBe(2)
  expect(pruned.stdout).toMatch(/^a: removed 8 [\s\S]*\nc: removed 8 /)
  expect(pruned.stdout).toMatch(broken)
  expect(before.length).toBeGreaterThan(0)
  expect(own()).toEqual(before)

  // The one that is named is an error as ever.
  const named = await millrace(project, 'status', 'b')
  expect(named).toMatchObject({ code: 2, stdout: '' })
})
