import { expect, it } from 'vitest'
import type { Store, StoreConnection } from '../../lib/connectors/store.ts'
import { rollback } from '../../lib/pipeline/deliver/deliver.ts'
import { openProject, type Project, statePaths } from '../../lib/pipeline/project.ts'
import { deliveryLock, sharedLock, tryLock } from '../../lib/state/lock.ts'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

const PIPELINE = `import { contract, csv, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
const stock = contract({ formulas: 'raw', columns: { id: 'int64' }, orderBy: ['id'] })
export default pipeline({
  name: 'p', schema, extract: { stock: source('data').files('stock.csv') },
  export: { stock: [csv('own.csv', { contract: stock }), csv('all.csv', { contract: stock, delivery: 'set' })] },
})
`

/** A project in whose store every write of `latest.json` asks whether somebody else could have the lock. */
function asking(project: Project, path: string, seen: boolean[]): Project {
  const { store } = project.config
  const openStore = (): Store => {
    const opened = store.openStore()
    const put: Store['put'] = (key, ...rest) => {
      if (key.endsWith('latest.json')) {
        const free = tryLock(path)
        free?.release()
        seen.push(free !== undefined)
      }
      return opened.put(key, ...rest)
    }
    return new Proxy(opened, { get: (target, name) => (name === 'put' ? put : Reflect.get(target, name)) })
  }
  const connection: StoreConnection = new Proxy(store, {
    get: (target, name) => (name === 'openStore' ? openStore : Reflect.get(target, name)),
  })
  return { ...project, config: { ...project.config, store: connection } }
}

it('what a person decides is done under the lock that a run takes, from the first look to the switch', async () => {
  const p = testProject({
    'pipelines/p/pipeline.ts': PIPELINE,
    'pipelines/p/schema.ts': "export const schema = { stock: { id: 'int64' } } as const\n",
    'data/stock.csv': 'id\n1\n',
  })
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  p.write({ 'data/stock.csv': 'id\n1\n2\n' })
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  const project = await openProject(p.folder)
  const { locks } = statePaths(project.config.state)
  for (const [name, { path }] of [
    ['own.csv', sharedLock(locks, 'p')],
    ['set', deliveryLock(locks, 'p', 'set')],
  ] as const) {
    const seen: boolean[] = []
    const one = { pipeline: 'p', name, signal: new AbortController().signal }
    await rollback(asking(project, path, seen), one, { reason: 'wrong' })
    expect(seen, name).toEqual([false])
  }
})
