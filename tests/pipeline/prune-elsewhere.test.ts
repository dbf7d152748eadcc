import { expect, it } from 'vitest'
import { CHECKOUT, command, type TestProject, testProject } from '../kit/project.ts'

/** A store by which, before the first switch of a pointer of `PRUNED`, another machine prunes: one with the same store, and locks of its own. */
const CONFIG = `import { spawnSync } from 'node:child_process'
import { config, duckdb, files, local } from '#millrace'
const { PRUNED, STATE = 'one' } = process.env
const store = local('.millrace/dev/export')
let pruned = false
function prune() {
  pruned = true
  const { status, stderr } = spawnSync(process.execPath, ['${CHECKOUT}/bin/millrace.js', 'deliver', 'prune', 'p', '--keep', '1'], { env: { ...process.env, PRUNED: '', STATE: 'two' }, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}
const openStore = () => {
  const open = store.openStore()
  return { ...open, put: (key, body, options) => {
    if (PRUNED && !pruned && key === PRUNED + '/latest.json') prune()
    return open.put(key, body, options)
  } }
}
export default config({ profiles: { dev: {
  state: '.millrace/' + STATE,
  connections: { data: files('data') }, warehouse: duckdb('.millrace/dev/warehouse.duckdb'), landing: local('.millrace/dev/landing'),
  store: { ...store, openStore },
  limits: { memory: '512MB', threads: 2 }, now: '2024-01-10T00:00:00Z',
} } })
`

const project = () =>
  testProject({
    'millrace.config.ts': CONFIG,
    'pipelines/p/pipeline.ts': `import { contract, csv, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
const rows = contract({ formulas: 'raw', columns: schema.sale, orderBy: ['id'] })
export default pipeline({
  name: 'p', schema, extract: { sale: source('data').files('sales.csv') },
  export: { sale: [csv('one.csv', { contract: rows }), csv('member.csv', { contract: rows, delivery: 'set' })] },
})
`,
    'pipelines/p/schema.ts': "export const schema = { sale: { id: 'int64', amount: 'int64' } } as const\n",
    'data/sales.csv': 'id,amount\n1,10\n',
  })

const run = (p: TestProject, environment: NodeJS.ProcessEnv, ...args: readonly string[]) =>
  command(process.execPath, [`${CHECKOUT}/bin/millrace.js`, ...args], p.folder, environment)

it.each(['one', 'set'])('what a run has made and another machine prunes before its switch, "%s" never leads to', async (pruned) => {
  const p = project()
  expect(await run(p, {}, 'run', 'p')).toMatchObject({ code: 0 })
  p.write({ 'data/sales.csv': 'id,amount\n1,20\n' })
  const outrun = await run(p, { PRUNED: pruned }, 'run', 'p')
  expect(await run(p, {}, 'verify', '.millrace/dev/export')).toMatchObject({ code: 0 })
  expect(outrun.code).toBe(75)
  expect((await run(p, {}, 'run', 'p')).code).toBe(0)
  const verified = await run(p, {}, 'verify', '.millrace/dev/export')
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('2 deliveries, all as delivered') })
})
