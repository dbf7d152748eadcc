import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { startNode } from '../kit/child.ts'
import { testProject } from '../kit/project.ts'

const lib = (path: string) => JSON.stringify(new URL(`../../lib/${path}`, import.meta.url).href)

test('openProject gives Polars the threads of the profile, also where a pipeline loads it first', async () => {
  const project = testProject({
    'pipelines/framed/pipeline.ts': `import pl from 'nodejs-polars'
import { pipeline, replace, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'framed', schema,
  extract: { thing: source('data').files('things.csv') },
  transform: { named: ({ thing }) => thing.withColumns(pl.col('name').str.toUpperCase()) },
  load: { named: replace('named') },
})
`,
    'pipelines/framed/schema.ts': `export const schema = { thing: { name: 'text' }, named: { name: 'text' } } as const\n`,
    'data/things.csv': 'name\na\n',
  })
  // One more than it would take by itself.
  const threads = availableParallelism() + 1
  const child = startNode(
    `
import { readdirSync, readFileSync } from 'node:fs'
import { openProject } from ${lib('pipeline/project.ts')}
import { run } from ${lib('pipeline/run/run.ts')}
process.env.MILLRACE_THREADS = '${threads}'
delete process.env.POLARS_MAX_THREADS
const { outcome } = await run(await openProject(process.cwd()), 'framed')
const names = readdirSync('/proc/self/task').map((id) => readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim())
console.log(outcome, names.filter((name) => /^polars-\\d/.test(name)).length)
`,
    { cwd: project.folder },
  )
  expect((await child.ended()).output.trim()).toBe(`done ${threads}`)
})
