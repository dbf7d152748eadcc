import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { millrace } from '../../kit/millrace.ts'
import { type TestProject, testProject } from '../../kit/project.ts'

const NEVER = 1_000_000

/** A pipeline of a cursor dataset with every kind of reader: its state, its changes, and a merge that takes its loads one by one. */
const pipeline = (compact: number) => `import { append, contract, csv, merge, pipeline, replace, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p',
  schema,
  extract: { customer: source('data').files('customers.csv', { cursor: 'changed', key: 'id', deletes: 'keys', compact: ${compact} }) },
  transform: {
    names: sql\`SELECT id, upper(name) AS name FROM customer\`,
    audit: sql\`SELECT id, name FROM customer.changes\`,
  },
  load: { customer: merge('dim_customer', { key: 'id' }), audit: append('audit'), names: replace('names') },
  export: { names: csv('names.csv', { contract: contract({ formulas: 'raw', columns: { id: 'int32', name: 'text' }, orderBy: ['id'] }) }) },
})
`

function project(compact: number): TestProject {
  process.env.TEST_NOW = '2024-01-10T00:00:00Z'
  return testProject({
    'pipelines/p/pipeline.ts': pipeline(compact),
    'pipelines/p/schema.ts': `const text = { id: 'int32', name: 'text' } as const
export const schema = { customer: { ...text, changed: 'date' }, names: text, audit: text } as const
`,
  })
}

/** Runs once for each version of the source: of three customers one changes each time, and in the fourth one is gone. */
async function runs(at: TestProject, from: number, to: number): Promise<void> {
  for (let version = from; version <= to; version++) {
    at.write({ 'data/customers.csv': customers(version) })
    const { code, stdout, stderr } = await millrace(at, 'run', 'p')
    expect(code, stderr + stdout).toBe(0)
  }
}

function customers(version: number): string {
  const rows = [1, 2, 3].flatMap((id) => {
    const changed = Math.max(...Array.from({ length: version }, (_, i) => i + 1).filter((v) => v === 1 || v % 3 === id % 3))
    return version === 4 && id === 2 ? [] : [`${id},name ${changed},2024-01-0${changed}`]
  })
  return `${['id,name,changed', ...rows].join('\n')}\n`
}

/** All that was made, without what differs from run to run. */
async function made(at: TestProject) {
  const latest = JSON.parse(readFileSync(at.path('.millrace/dev/export/names/latest.json'), 'utf8')) as {
    inputKey?: string
    run: unknown
  }
  return {
    tokens: await at.warehouse('SELECT "table", input_key, loads FROM _millrace_tokens ORDER BY ALL'),
    customers: await at.warehouse('SELECT * FROM dim_customer ORDER BY ALL'),
    audit: await at.warehouse('SELECT * FROM audit ORDER BY ALL'),
    names: await at.warehouse('SELECT * FROM names ORDER BY ALL'),
    latest: { ...latest, run: undefined },
  }
}

const compactions = (at: TestProject) => {
  const folder = at.path('.millrace/dev/landing/p/customer/_compacted')
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
}

describe('compaction', () => {
  it('changes no input key, no table and no delivery, and makes nothing due', async () => {
    const [compacted, plain] = [project(2), project(NEVER)]
    for (const each of [compacted, plain]) await runs(each, 1, 5)
    expect(compactions(compacted)).toEqual(['000002.json', '000004.json'])
    expect(compactions(plain)).toEqual([])
    expect(await made(compacted)).toEqual(await made(plain))
    // Loads that were there before are compacted by the next run, which finds nothing to do.
    plain.write({ 'pipelines/p/pipeline.ts': pipeline(5) })
    const before = await made(plain)
    const { code, stdout } = await millrace(plain, 'run', 'p')
    expect({ code, done: stdout.includes('nothing to do') }, stdout).toEqual({ code: 0, done: true })
    expect(compactions(plain)).toEqual(['000005.json'])
    expect(await made(plain)).toEqual(before)
  })

  it('is pinned by the run that read it, and removed by prune when a newer one has replaced it', async () => {
    const at = project(2)
    await runs(at, 1, 6)
    const record = (name: string) => {
      const { manifests } = JSON.parse(readFileSync(at.path('.millrace/dev/runs', name, 'run.json'), 'utf8')) as { manifests: string[] }
      return manifests
    }
    const ids = readdirSync(at.path('.millrace/dev/runs')).sort()
    expect(record(ids.at(-2) ?? '')).toEqual(['p/customer/_all/_manifests/000005.json', 'p/customer/_compacted/000004.json'])
    expect(compactions(at)).toEqual(['000002.json', '000004.json', '000006.json'])
    const { code, stdout, stderr } = await millrace(at, 'prune', 'p')
    expect(code, stderr + stdout).toBe(0)
    expect(compactions(at)).toEqual(['000006.json'])
    expect(readdirSync(at.path('.millrace/dev/landing/p/customer/_compacted'))).toHaveLength(2)
    expect(readdirSync(at.path('.millrace/dev/landing/p/customer/_all/_manifests'))).toHaveLength(6)
    const again = await millrace(at, 'run', 'p')
    expect(again.stdout, again.stderr).toContain('nothing to do')
  })
})
