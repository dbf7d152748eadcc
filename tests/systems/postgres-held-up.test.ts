import { expect, it } from 'vitest'
import { testPostgres } from '../kit/postgres.ts'
import { testProject } from '../kit/project.ts'

it('a landed load that a constraint refuses holds up those behind it, and says how to go on', async () => {
  const server = await testPostgres()
  try {
    const to = await server.createDatabase()
    const { host, port, user, password } = server
    const customers = (...rows: readonly string[]) => ({ 'data/customers.csv': ['id,name,changed', ...rows, ''].join('\n') })
    const project = testProject({
      password,
      'millrace.config.ts': `import { config, files, local, postgres, secret } from '#millrace'
export default config({ profiles: { dev: {
  connections: { data: files('data') }, landing: local('.millrace/dev/landing'), store: local('.millrace/dev/export'),
  warehouse: postgres({ host: '${host}', port: ${port}, database: '${to}', user: '${user}', password: secret('file:password') }),
} } })
`,
      'pipelines/p/schema.ts': "export const schema = { c: { id: 'int32', name: 'text', changed: 'date' } } as const\n",
      'pipelines/p/pipeline.ts': `import { merge, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({ name: 'p', schema,
  extract: { c: source('data').files('customers.csv', { cursor: 'changed', key: 'id' }) }, load: { c: merge('c', { key: 'id' }) } })
`,
      ...customers('1,Ann,2024-01-01'),
    })
    expect((await project.millrace('run', 'p')).code).toBe(0)
    await server.query(to, 'CREATE UNIQUE INDEX one_name ON c (name)')
    for (const row of ['2,Ann,2024-01-02', '2,Bob,2024-01-03']) {
      project.write(customers('1,Ann,2024-01-01', row))
      const { code, stdout } = await project.millrace('run', 'p')
      expect(code).toBe(3)
      expect(stdout).toContain('Key (name)=(Ann) already exists.')
      expect(stdout).toContain(
        'hint: load 2 of "c" has landed so, and later ones wait for it: let the table take such rows until it is through',
      )
    }
    await server.query(to, 'DROP INDEX one_name')
    expect((await project.millrace('run', 'p')).code).toBe(0)
    await server.query(to, 'CREATE UNIQUE INDEX one_name ON c (name)')
    expect(await server.query(to, 'SELECT id::text, name FROM c ORDER BY id')).toEqual([
      ['1', 'Ann'],
      ['2', 'Bob'],
    ])
  } finally {
    await server.stop()
  }
})
