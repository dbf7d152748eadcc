import { chmod, chown, copyFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError, type MillraceError } from '../../../lib/core/errors.ts'
import type { Reader } from '../../../lib/engines/reader.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { errorOf, ROADS, testReader, testRun } from './kit.ts'

const folder = join(import.meta.dirname, '../../kit/tls')
const authority = join(folder, 'authority.pem')
const who = {
  method: 'query',
  sql: 'SELECT application_name::text AS name, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE pid = pg_backend_pid()',
} as const

let server: TestPostgres
let reader: Reader

/** The server's certificate from now on. */
async function present(name: string): Promise<void> {
  for (const [ending, to] of [
    ['pem', 'server.crt'],
    ['key', 'server.key'],
  ] as const) {
    const file = join(server.folder, to)
    await copyFile(join(folder, `${name}.${ending}`), file)
    const { uid, gid } = await stat(server.folder)
    await chown(file, uid, gid)
    await chmod(file, 0o600)
  }
  await server.query('postgres', "ALTER SYSTEM SET ssl = 'on'")
  await server.query('postgres', 'SELECT pg_reload_conf()')
  // The postmaster reads the files when it gets to it.
  await new Promise((done) => setTimeout(done, 200))
}

beforeAll(async () => {
  ;[server, reader] = [await testPostgres(), testReader()]
})
afterAll(async () => {
  await reader.close()
  await server.stop()
})

const failure = async (tls: { readonly ca?: string; readonly serverName?: string }) => {
  const run = testRun(server, 'postgres', reader, { host: 'localhost', tls, retries: 0 })
  const error = (await errorOf(run.land(who))) as MillraceError
  await run.close()
  return error
}

it('a server without TLS is refused where TLS is wanted', async () => {
  const error = await failure({ ca: authority })
  expect(error).toBeInstanceOf(ConfigError)
  expect(error.message).toMatch(/failed: it offers no TLS$/)
  expect(error.hint).toMatch(/insecure: true/)
})

it.each([
  ['self-signed', { ca: authority }, /its certificate is self-signed$/],
  ['server', {}, /its certificate comes from an unknown authority$/],
  [
    'server',
    { ca: join(folder, 'another-authority.pem') },
    /its certificate comes from an unknown authority$|was not signed by the given authority$/,
  ],
  ['expired', { ca: authority }, /its certificate has expired$/],
  ['wrong-host', { ca: authority }, /its certificate is for another name$/],
  ['server', { ca: join(folder, 'nowhere.pem') }, /^tls\.ca .*nowhere\.pem of postgres cannot be read/],
  ['server', { ca: join(folder, 'server.key') }, /^tls\.ca .*server\.key of postgres is no certificate in PEM$/],
] as const)('the certificate %s is refused with %o, and why is said', async (certificate, tls, message) => {
  await present(certificate)
  const error = await failure(tls)
  expect(error).toBeInstanceOf(ConfigError)
  expect(error.message).toMatch(message)
})

describe.each(ROADS)('by %s', (road) => {
  const reading = async (options: Parameters<typeof testRun>[3]) => {
    const run = testRun(server, 'postgres', reader, { road, retries: 0, ...options })
    try {
      // Whether the session that read was encrypted is among its rows, so a wrong one fails the cast.
      return (await run.land(who, { columns: { name: 'text', ssl: 'boolean' } })).rows
    } finally {
      await run.close()
    }
  }
  const encrypted = async (options: Parameters<typeof testRun>[3]) => {
    const run = testRun(server, 'postgres', reader, { road, retries: 0, ...options })
    const { sql } = who
    const { rows } = await run.land({ method: 'query', sql: `SELECT * FROM (${sql}) AS s WHERE ssl` })
    await run.close()
    return rows === 1
  }

  it('a certificate that holds is taken, and every session is encrypted', async () => {
    await present('server')
    expect(await encrypted({ host: 'localhost', tls: { ca: authority } })).toBe(true)
  })

  it('another name than the host is verified where it is given', async () => {
    await present('wrong-host')
    expect(await encrypted({ tls: { ca: authority, serverName: 'db.example.com' } })).toBe(true)
    await expect(reading({ tls: { ca: authority, serverName: 'db2.example.com' } })).rejects.toThrow(/another name/)
  })

  it('another name than that of the host is verified in its place', async () => {
    await present('wrong-host')
    expect(await encrypted({ host: 'localhost', tls: { ca: authority, serverName: 'db.example.com' } })).toBe(true)
    await present('server')
    await expect(reading({ host: 'localhost', tls: { ca: authority, serverName: 'db.example.com' } })).rejects.toThrow(/another name/)
  })

  it('an address is verified against those of the certificate, and Node warns of nothing', async () => {
    const warnings: string[] = []
    const note = (warning: Error) => void warnings.push(warning.message)
    process.on('warning', note)
    try {
      await present('address')
      expect(await encrypted({ host: '127.0.0.1', tls: { ca: join(folder, 'address.pem') } })).toBe(true)
      await present('server')
      await expect(reading({ host: '127.0.0.1', tls: { ca: authority } })).rejects.toThrow(/another name/)
      // Warnings come in a turn of their own.
      await new Promise((done) => setImmediate(done))
      expect(warnings).toEqual([])
    } finally {
      process.off('warning', note)
    }
  })

  it('insecure takes any certificate, and still encrypts', async () => {
    await present('self-signed')
    expect(await encrypted({ host: 'localhost', insecure: true })).toBe(true)
  })

  it("this machine's own addresses need none", async () => {
    expect(await encrypted({})).toBe(false)
  })
})
