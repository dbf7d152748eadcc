import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { millrace, projectFolder } from './project.ts'

const PASSWORD = `pl4nted/pass+word "with" 'signs' & ünicode\\%`
const TOKEN = 'pl4nted-token-0123456789'

/** Every form in which a value may be found in a text. */
function formsOf(value: string): string[] {
  const url = encodeURIComponent(value)
  const json = JSON.stringify(value).slice(1, -1)
  return [
    value,
    url,
    url.replace(/%../g, (code) => code.toLowerCase()),
    new URLSearchParams({ '': value }).toString().slice(1),
    json,
    JSON.stringify(json).slice(1, -1),
    value.replaceAll("'", "''"),
    Buffer.from(value).toString('base64'),
    Buffer.from(value).toString('base64url'),
    // Inside "user:password", whatever stands before it.
    ...['u', 'us', 'use'].map((before) =>
      Buffer.from(before + value)
        .toString('base64')
        .slice(4, -4),
    ),
  ]
}

/** A server that fails and tells everything that it was told: URL, headers, in the body and in its headers. */
async function tellTale(status: number) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${JSON.stringify(request.headers)}`)
    const all = JSON.stringify({ url: request.url, headers: request.headers, decoded: decodeURIComponent(request.url ?? '') })
    response.writeHead(status, { 'x-echo': encodeURI(request.url ?? ''), 'content-type': 'application/json' }).end(all)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

const filesOf = (url: string) => ({
  'millrace.config.ts': `import { config, duckdb, http, local, secret } from '#millrace'
export default config({ profiles: { dev: () => ({
  connections: { api: http({ baseUrl: '${url}', auth: { basic: { user: 'user', password: secret('env:PLANTED_PASSWORD') } } }) },
  warehouse: duckdb('w.duckdb'), landing: local('landing'), store: local('export'),
}) } })`,
  'pipelines/p/schema.ts': `export const schema = { a: { id: 'int64' }, b: { id: 'int64' } } as const`,
  'pipelines/p/pipeline.ts': `import { pipeline, replace, secret, source, sql } from '#millrace'
import { schema } from './schema.ts'
const token = secret('env:PLANTED_TOKEN')
export default pipeline({
  name: 'p', schema,
  extract: { a: source('api').get('things', { query: { key: token, again: secret('env:PLANTED_PASSWORD') }, headers: { 'x-key': token } }) },
  transform: { b: sql\`FROM a\` },
  load: { b: replace('b') },
})`,
})

const environment = { PLANTED_PASSWORD: PASSWORD, PLANTED_TOKEN: TOKEN }

/** Every file below a folder but the links to the checkout, as bytes. */
function artefacts(folder: string): [path: string, text: string][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(join(folder, 'lib')))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path !== join(folder, 'millrace.config.ts') && !path.startsWith(join(folder, 'pipelines')))
    .map((path) => [path, readFileSync(path, 'latin1')])
}

test.each([
  [404, ['run', 'p']],
  [404, ['run', 'p', '--json']],
  [401, ['plan', 'p', '--discover']],
  [200, ['run', 'p']],
] as const)('no secret is in any output or file after HTTP %d to millrace %j', async (status, args) => {
  const { asked, url } = await tellTale(status)
  const folder = projectFolder(filesOf(url))
  const { code, stdout, stderr } = await millrace(folder, args, { ...environment, MILLRACE_LOG: 'json' })
  expect(code).toBeGreaterThan(0)
  // The secrets did reach the other side: nothing is proved otherwise.
  expect(asked.join()).toContain(encodeURIComponent(TOKEN))
  expect(asked.join()).toContain(Buffer.from(`user:${PASSWORD}`).toString('base64'))
  const texts: [string, string][] = [['stdout', stdout], ['stderr', stderr], ...artefacts(folder)]
  const names = texts.map(([name]) => name)
  if (args[0] === 'run') for (const file of ['run.json', 'ledger.sqlite']) expect(names.some((name) => name.endsWith(file))).toBe(true)
  for (const [name, text] of texts)
    for (const form of [...formsOf(PASSWORD), ...formsOf(TOKEN)]) {
      const bytes = name.startsWith('std') ? form : Buffer.from(form).toString('latin1')
      expect(text.includes(bytes), `${form} in ${name}`).toBe(false)
    }
})

test.each([401, 200])('no secret is in what millrace doctor says of a service that answers HTTP %d', async (status) => {
  const { asked, url } = await tellTale(status)
  const folder = projectFolder(filesOf(url))
  for (const args of [['doctor'], ['doctor', '--json']]) {
    const { code, stdout, stderr } = await millrace(folder, args, environment)
    expect(code, stdout + stderr).toBe(status === 401 ? 2 : 0)
    expect(stdout).toContain('auth.basic.password is env:PLANTED_PASSWORD, set')
    for (const form of [...formsOf(PASSWORD), ...formsOf(TOKEN)]) expect(stdout + stderr).not.toContain(form)
  }
  expect(asked.join()).toContain(Buffer.from(`user:${PASSWORD}`).toString('base64'))
})

test('millrace config shows references, not values', async () => {
  const folder = projectFolder(filesOf('http://127.0.0.1:9/'))
  for (const args of [['config'], ['config', '--json']]) {
    const { code, stdout, stderr } = await millrace(folder, args, environment)
    expect(code).toBe(0)
    expect(stdout).toContain('secret env:PLANTED_PASSWORD (set)')
    for (const form of formsOf(PASSWORD)) expect(stdout + stderr).not.toContain(form)
  }
  expect((await millrace(folder, ['config'])).stdout).toContain('secret env:PLANTED_PASSWORD (missing)')
})
