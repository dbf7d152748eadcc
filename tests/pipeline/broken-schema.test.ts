import { expect, test } from 'vitest'
import { testProject } from '../kit/project.ts'

const PROJECT = {
  'data/shops.csv': 'code\na\n',
  'pipelines/p/pipeline.ts': `import { pipeline, replace, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({ name: 'p', schema, extract: { shop: source('data').files('shops.csv') }, load: { shop: replace('shop') } })
`,
}
const HINT = 'hint: schema.ts is generated: delete it, and run millrace plan p --discover'

test.each([
  ['is no TypeScript', 'export const schema = {\n'],
  ['throws', "throw new Error('not today')\n"],
  ['exports something else', 'export const other = {}\n'],
])('a schema.ts that %s is an error that says how to make it anew', async (_what, text) => {
  const project = testProject({ ...PROJECT, 'pipelines/p/schema.ts': text })
  for (const args of [
    ['plan', 'p', '--discover'],
    ['run', 'p'],
  ]) {
    // A process, since Vite reads modules in its own way.
    const { code, stderr } = await project.millrace(...args)
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: p: pipelines\/p\/pipeline\.ts cannot be loaded: /)
    expect(stderr).toContain(HINT)
  }
})

test('a pipeline.ts that is broken itself has no such hint', async () => {
  const project = testProject({ ...PROJECT, 'pipelines/p/pipeline.ts': "throw new Error('not today')" })
  expect((await project.millrace('plan', 'p')).stderr).not.toContain('hint')
})
