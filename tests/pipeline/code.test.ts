import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readPipelineCode } from '../../lib/pipeline/define/code.ts'

const frame = '({ revenue }) => revenue.select(columns)'

async function hash(pipeline: string, modules: Record<string, string> = {}, text = frame): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'code-'))
  await writeFile(join(folder, 'pipeline.ts'), pipeline)
  for (const [name, content] of Object.entries({ 'schema.ts': 'export const schema = {}', ...modules }))
    await writeFile(join(folder, name), content)
  return (await readPipelineCode(join(folder, 'pipeline.ts'))).hashOfFunction(text)
}

const base = `import { schema } from './schema.ts'
const columns: string[] = ['a']
export default pipeline({ name: 'x', schema })`

it('hashOfFunction does not see comments, spacing, types or the literal', async () => {
  const same = `// a comment
import { schema } from './schema.ts'
const columns   = [ 'a' ] as string[] /* typed */
export default pipeline({ name: 'other', schema, load: {} })`
  expect(await hash(same.replace(' as string[]', ''))).toBe(await hash(base))
  expect(await hash(base, {}, '({ revenue }) => /* note */ revenue\n  .select(columns)')).toBe(await hash(base))
})

it('hashOfFunction sees the frame, the code outside the literal, and string contents', async () => {
  expect(await hash(base, {}, '({ revenue }) => revenue.select("b")')).not.toBe(await hash(base))
  expect(await hash(base.replace("'a'", "'b'"))).not.toBe(await hash(base))
})

it('hashOfFunction sees a local module that the frame reaches, through others, and no other', async () => {
  const using = `import { columns } from './columns.ts'\nimport { c } from './contract.ts'\nexport default pipeline({ name: 'x', c })`
  const modules = {
    'columns.ts': `import { list } from './list.ts'\nexport const columns = list`,
    'list.ts': `export const list = ['a']`,
    'contract.ts': 'export const c = 1',
  }
  const first = await hash(using, modules)
  expect(await hash(using, { ...modules, 'list.ts': `export const list = ['b']` })).not.toBe(first)
  expect(await hash(using, { ...modules, 'contract.ts': 'export const c = 2' })).toBe(first)
  expect(await hash(using, { ...modules, 'schema.ts': 'export const schema = { a: {} }' })).toBe(first)
})

it('readPipelineCode names an import that is not there', async () => {
  await expect(hash(`import { x } from './gone.ts'\nexport default 1`)).rejects.toThrow('imports "./gone.ts", which is not there')
})

it('reachesSchema finds what may look at schema.ts, also through a module, and no frame that does not', async () => {
  const reaches = async (pipeline: string, module = '') => {
    const folder = await mkdtemp(join(tmpdir(), 'code-'))
    const files = {
      'pipeline.ts': pipeline,
      'schema.ts': 'export const schema = {}',
      'tidy.ts': module,
      'list.ts': 'export const list = []',
    }
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
    return (await readPipelineCode(join(folder, 'pipeline.ts'))).reachesSchema(frame)
  }
  const importing = (names: string, from: string) =>
    base.replace("['a']", names).replace('import', `import { ${names} } from '${from}'\nimport`)
  expect(await reaches(base)).toBe(false)
  expect(await reaches(importing('list', './list.ts'))).toBe(false)
  expect(await reaches(base.replace("['a']", 'Object.keys(schema.revenue)'))).toBe(true)
  expect(
    await reaches(importing('names', './tidy.ts'), `import { schema } from "./schema.ts"\nexport const names = Object.keys(schema)`),
  ).toBe(true)
  expect(await reaches(importing('names', './tidy.ts'), `export { schema as names } from '../other/schema.ts'`)).toBe(true)
})
