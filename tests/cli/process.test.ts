import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { millrace, projectFolder } from './project.ts'

/** A loopback server for one test; gives its address. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const pipelineOf = (baseUrl: string, connection = '') => ({
  'millrace.config.ts': `import { config, duckdb, http, local, secret } from '#millrace'
export default config({ profiles: { dev: () => ({
  connections: { api: http({ baseUrl: '${baseUrl}'${connection} }) },
  warehouse: duckdb('w.duckdb'), landing: local('landing'), store: local('export'),
}) } })`,
  'pipelines/p/schema.ts': `export const schema = { a: { id: 'int64' }, b: { id: 'int64' } } as const`,
  'pipelines/p/pipeline.ts': `import { pipeline, replace, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema,
  extract: { a: source('api').get('things') },
  transform: { b: sql\`FROM a\` },
  load: { b: replace('b') },
})`,
})

test.each(['SIGINT', 'SIGTERM'] as const)('millrace run stops cleanly at one %s and says how to go on', async (signal) => {
  let asked: () => void = () => {}
  const reached = new Promise<void>((resolve) => {
    asked = resolve
  })
  const folder = projectFolder(pipelineOf(await serve(() => asked())))
  const { code, stderr, stdout } = await millrace(folder, ['run', 'p'], {}, (child) => void reached.then(() => child.kill(signal)))
  expect(stderr + stdout).toContain('run the same command again')
  expect(code).toBe(130)
})

test('millrace run ends at once at the second signal', async () => {
  let asked: () => void = () => {}
  const reached = new Promise<void>((resolve) => {
    asked = resolve
  })
  const folder = projectFolder(pipelineOf(await serve(() => asked())))
  const { code } = await millrace(folder, ['run', 'p'], {}, (child) => {
    void reached.then(() => {
      child.kill('SIGINT')
      child.stderr?.on('data', (text: string) => text.includes('stopping') && child.kill('SIGINT'))
    })
  })
  // By SIGINT, which a shell tells as 130.
  expect(code).toBeNull()
})

test('millrace ends quietly when nobody reads its output', async () => {
  const folder = projectFolder()
  const bin = new URL('../../bin/millrace.js', import.meta.url).pathname
  const shell = spawn('bash', ['-c', `for i in 1 2 3; do "${process.execPath}" "${bin}" --help | true; done`], { cwd: folder })
  let stderr = ''
  shell.stderr.on('data', (text) => {
    stderr += text
  })
  const [code] = await once(shell, 'close')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

test('millrace names a missing variable, the setting that wants it and the profile, and exits 2', async () => {
  const connection = ", auth: { bearer: secret('env:MILLRACE_TEST_NOWHERE') }"
  const folder = projectFolder(pipelineOf('http://127.0.0.1:9/', connection))
  const { code, stderr, stdout } = await millrace(folder, ['run', 'p'])
  expect(stderr + stdout).toMatch(
    /environment variable MILLRACE_TEST_NOWHERE is not set; config profile "dev": connections\.api\..*bearer.* wants it/,
  )
  expect(code).toBe(2)
})

test('millrace takes an unknown command, option and profile as usage faults, exit 2', async () => {
  const folder = projectFolder(pipelineOf('http://127.0.0.1:9/'))
  expect(await millrace(folder, ['pln', 'p'])).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean "plan"?') })
  expect(await millrace(folder, ['plan', 'p', '--frozne'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean --frozen?'),
  })
  expect(await millrace(folder, ['plan', 'p', '--profile', 'prod'])).toMatchObject({ code: 2, stderr: expect.stringContaining('has: dev') })
  expect(await millrace(folder, ['plan', 'q'])).toMatchObject({ code: 2, stderr: expect.stringContaining('no pipeline "q"') })
})
