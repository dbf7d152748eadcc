import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seenOf } from '../kit/millrace.ts'
import { FILES_CONFIG, makeProject, type TestProject, testProject } from '../kit/project.ts'
import { expectNothingToSee, expectNothingWritten, reset } from './kit.ts'

const pipelineOf = (name: string, more: { before?: string; step?: string; schema?: string } = {}) => ({
  [`pipelines/${name}/pipeline.ts`]: `import { pipeline, replace, source, sql, udf } from '#millrace'
const schema = { line: { id: 'int64' }, out: { id: 'int64' } } as const
${more.before ?? ''}
export default pipeline({
  name: '${name}', schema,
  extract: { line: source('data').files('in.csv') },
  transform: { out: ${more.step ?? 'sql`FROM line`'} },
  load: { out: replace('${name}') },
})
`,
})

/** What is wrong, what stands in the pipeline file, the whole error. */
const PIPELINES: readonly (readonly [what: string, name: string, more: { before?: string; step?: string }, error: string])[] = [
  [
    'that throws',
    'throws',
    { before: "throw new Error('not today')" },
    'error: throws: pipelines/throws/pipeline.ts cannot be loaded: not today (line 3)',
  ],
  [
    'that is no TypeScript',
    'broken',
    { before: 'const = 1' },
    'error: broken: pipelines/broken/pipeline.ts cannot be loaded: Unexpected token `=`. Expected yield, an identifier, [ or { (line 3)',
  ],
  [
    'that imports what is not there',
    'misses',
    { before: "import './nowhere.ts'" },
    "error: misses: pipelines/misses/pipeline.ts cannot be loaded: Cannot find module '<project>/pipelines/misses/nowhere.ts' imported from <project>/pipelines/misses/pipeline.ts",
  ],
  [
    'that imports a package that the project has not',
    'needs',
    { before: "import 'left-behind'" },
    "error: needs: pipelines/needs/pipeline.ts cannot be loaded: Cannot find package 'left-behind' imported from <project>/pipelines/needs/pipeline.ts\n  hint: install it into this project: npm install left-behind",
  ],
  [
    'that imports what is no TypeScript',
    'imports',
    { before: "import './helper.ts'" },
    'error: imports: pipelines/imports/pipeline.ts cannot be loaded: Unexpected token `=`. Expected yield, an identifier, [ or { (helper.ts line 2)',
  ],
  [
    'that imports what throws',
    'calls',
    { before: "import { later } from './later.ts'\nlater()" },
    'error: calls: pipelines/calls/pipeline.ts cannot be loaded: too late (later.ts line 1)',
  ],
  [
    'whose frame throws',
    'frame',
    { step: "() => { throw new RangeError('no such rate') }" },
    'error: frame transform out: the frame threw: no such rate',
  ],
]

/** The same for configurations. */
const CONFIGS: readonly (readonly [what: string, text: string, error: string])[] = [
  [
    'that throws',
    FILES_CONFIG.replace('export default', "throw new Error('no vault')\nexport default"),
    'error: <project>/millrace.config.ts cannot be loaded: no vault (line 2)',
  ],
  [
    'whose profile throws',
    FILES_CONFIG.replace('dev: {', "dev: () => { throw new Error('no vault') }, other: {"),
    'error: config profile "dev" cannot be made: no vault (line 2) (file <project>/millrace.config.ts)',
  ],
  [
    'that is no TypeScript',
    FILES_CONFIG.replace('export default', 'export defalt'),
    "error: <project>/millrace.config.ts cannot be loaded: Expected '{', got 'ident' (line 2)",
  ],
  [
    'of a project that millrace is not installed in',
    FILES_CONFIG.replace('#millrace', 'millrace'),
    "error: <project>/millrace.config.ts cannot be loaded: Cannot find package 'millrace' imported from <project>/millrace.config.ts\n  hint: install millrace into this project: its docs/guide.md says how",
  ],
  ['without a warehouse', FILES_CONFIG.replace(/ {2}warehouse.*\n/, ''), 'error: config profile "dev": warehouse is missing'],
  [
    'of a wrong limit',
    FILES_CONFIG.replace("'512MB'", "'lots'"),
    'error: config profile "dev": limits.memory is not an amount of memory: "lots"; expected a number with MB, GB, MiB or GiB, as "4GB"',
  ],
]

const UDF =
  "sql.with({ udf: { rate: udf(['int64'], 'int64', () => { throw new RangeError('no such rate') }) } })`SELECT rate(id) AS id FROM line`"

let project: TestProject
beforeAll(() => {
  const files = PIPELINES.map(([, name, more]) => pipelineOf(name, more))
  project = makeProject({
    'data/in.csv': 'id\n1\n',
    'pipelines/imports/helper.ts': '\nconst = 1\n',
    'pipelines/calls/later.ts': "export function later() { throw new Error('too late') }\n",
    ...Object.assign({}, ...files),
    ...pipelineOf('chunk', { step: UDF }),
  })
})
afterAll(() => project.remove())

/** Runs in a process of its own: Node imports a file that was mended only in a new one. */
async function run(of: TestProject, name: string) {
  const { code, stdout, stderr } = await of.millrace('run', name)
  return seenOf(of, code, stdout, stderr)
}

describe('a pipeline file', () => {
  it.each(PIPELINES)('%s is told, and runs when it is mended', async (_what, name, _more, error) => {
    const bad = await run(project, name)
    expect({ code: bad.code, error: bad.error, stdout: bad.stdout }).toEqual({ code: 2, error, stdout: '' })
    expectNothingWritten(project)
    project.write(pipelineOf(name))
    expect(await run(project, name)).toMatchObject({ code: 0, stdout: expect.stringContaining(`${name} (dev): done`) })
    reset(project)
  })

  it('whose udf throws on data loads nothing, and runs when it is mended', async () => {
    const bad = await run(project, 'chunk')
    expect({ code: bad.code, error: bad.error }).toEqual({
      code: 3,
      error: 'failed shared datasets: chunk transform out: udf rate(): no such rate',
    })
    expectNothingToSee(project)
    project.write(pipelineOf('chunk'))
    expect(await run(project, 'chunk')).toMatchObject({ code: 0 })
    expect(await project.warehouse('SELECT id FROM chunk')).toEqual([['1']])
  })
})

describe('a configuration', () => {
  it.each(CONFIGS)('%s is told', async (_what, config, error) => {
    const own = testProject({ 'data/in.csv': 'id\n1\n', 'millrace.config.ts': config, ...pipelineOf('p') })
    const bad = await run(own, 'p')
    expect({ code: bad.code, error: bad.error, stdout: bad.stdout }).toEqual({ code: 2, error, stdout: '' })
    expectNothingWritten(own)
  })
})
