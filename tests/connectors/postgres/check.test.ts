import { once } from 'node:events'
import { chownSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, test } from 'vitest'
import type { CheckContext } from '../../../lib/connectors/check.ts'
import { postgres } from '../../../lib/connectors/postgres/index.ts'
import type { PostgresOptions } from '../../../lib/connectors/postgres/options.ts'
import type { Finding } from '../../../lib/core/finding.ts'
import { Secret } from '../../../lib/core/secret.ts'
import { checkContext } from '../../kit/check.ts'
import { manualClock, temporaryFolder } from '../../kit/context.ts'
import { type TestPostgres, testPostgres } from '../../kit/postgres.ts'
import { SELF_SIGNED } from '../http/certificate.ts'

const PASSWORD = 'a-password-to-be-hidden'
let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres({
    settings: ['max_connections=12', 'superuser_reserved_connections=3'],
    hba: ['host all nobody_here 127.0.0.1/32 reject'],
  })
  await server.createDatabase('shop')
  await server.query(
    'shop',
    `CREATE ROLE reader LOGIN PASSWORD '${PASSWORD}'; CREATE ROLE writer LOGIN PASSWORD '${PASSWORD}'; CREATE ROLE nobody_here LOGIN;
     CREATE SCHEMA closed; CREATE TABLE closed.hidden (id int); GRANT SELECT ON closed.hidden TO reader;
     CREATE TABLE open (id int); GRANT SELECT ON open TO reader; CREATE TABLE secret (id int);
     CREATE TABLE part (id int, salary int); GRANT SELECT (id) ON part TO reader; CREATE VIEW v AS SELECT 1 AS one; GRANT SELECT ON v TO reader;
     CREATE SCHEMA mart AUTHORIZATION writer; CREATE SCHEMA foreign_mart; CREATE TABLE foreign_mart.t (id int, _partition text, _load text); CREATE VIEW foreign_mart.a_view AS SELECT 1 AS one;
     GRANT USAGE ON SCHEMA foreign_mart TO writer; GRANT SELECT, INSERT ON foreign_mart.t TO writer`,
  )
})
afterAll(() => server.stop())

const check = async (
  options: Partial<PostgresOptions>,
  role: CheckContext['role'],
  more: Partial<CheckContext> = {},
): Promise<readonly Finding[]> => {
  const { host, port } = server
  return (
    (await postgres({ host, port, database: 'shop', user: 'reader', password: PASSWORD, ...options }).check?.(checkContext(role, more))) ??
    []
  )
}
const table = (name: string, schema?: string) => ({ method: 'table', table: name, ...(schema !== undefined && { schema }) }) as const
/** A server takes a moment to read its settings. */
async function until<T>(ask: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
    await new Promise((done) => setTimeout(done, 50))
  }
}
const bad = (findings: readonly Finding[]) => findings.filter(({ state }) => state !== 'ok')

describe('check of postgres as a source', () => {
  it('says what the server is, as whom, how protected, its clock and free connections', async () => {
    const found = await check({}, 'source')
    expect(found).toEqual([
      { what: 'answers', state: 'ok', found: expect.stringMatching(/^PostgreSQL 18\.\d+, as reader: shop on 127\.0\.0\.1:\d+$/) },
      { what: 'tls', state: 'ok', found: 'none: the server is this machine' },
      { what: 'clock', state: 'ok', found: expect.stringMatching(/^as shop on /) },
      { what: 'connections', state: 'ok', found: '8 of 9 are free, a run takes up to 4' },
    ])
  })

  it('says which tables may be read, and what would help with the others', async () => {
    const requests = [
      table('open'),
      table('v'),
      table('part'),
      table('open'),
      table('secret'),
      table('hidden', 'closed'),
      table('none'),
      { method: 'query', sql: 'SELECT 1' } as const,
    ]
    const found = (await check({}, 'source', { requests })).filter(({ what }) => what === 'rights')
    expect(found).toEqual([
      { what: 'rights', state: 'ok', found: 'can read 2 of the 6 tables that pipelines name' },
      {
        what: 'rights',
        state: 'fault',
        found: '"closed"."hidden" cannot be reached',
        advice: 'let its owner say: GRANT USAGE ON SCHEMA "closed" TO "reader"',
        kind: 'configuration',
      },
      {
        what: 'rights',
        state: 'fault',
        found: 'there is no table "public"."none"',
        advice: expect.stringContaining('correct its name'),
        kind: 'configuration',
      },
      {
        what: 'rights',
        state: 'fault',
        found: '"public"."part" cannot be read: not its column "salary"',
        advice: 'let its owner say: GRANT SELECT ON "public"."part" TO "reader"; or name the others in a query',
        kind: 'configuration',
      },
      {
        what: 'rights',
        state: 'fault',
        found: '"public"."secret" cannot be read',
        advice: 'let its owner say: GRANT SELECT ON "public"."secret" TO "reader"',
        kind: 'configuration',
      },
    ])
    const { advice = '' } = found[1] ?? {}
    await server.query('shop', advice.replace('let its owner say: ', ''))
    expect(bad(await check({}, 'source', { requests: [table('hidden', 'closed')] }))).toEqual([])
  })

  it('says of which tables policies show some rows alone', async () => {
    await server.query(
      'shop',
      'CREATE TABLE tenants (id int); GRANT SELECT ON tenants TO reader; ALTER TABLE tenants ENABLE ROW LEVEL SECURITY',
    )
    const requests = [table('open'), table('tenants')]
    expect(bad(await check({}, 'source', { requests }))).toEqual([
      {
        what: 'rights',
        state: 'warning',
        found: 'of "public"."tenants" are read only the rows that its policies show to "reader"',
        advice: 'where all are wanted, let a superuser say: ALTER ROLE "reader" BYPASSRLS',
      },
    ])
  })

  it('says that another clock is minutes away', async () => {
    const found = await check({}, 'source', { clock: manualClock(new Date(Date.now() - 180_000)) })
    expect(bad(found)).toMatchObject([
      { what: 'clock', state: 'warning', found: expect.stringMatching(/^this machine is (179|180|181) s behind shop on /) },
    ])
  })

  it('says that too few connections are free', async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, () => server.client('shop')))
    onTestFinished(async () => void (await Promise.all(sessions.map((each) => each.end()))))
    expect(bad(await check({}, 'source'))).toMatchObject([
      { what: 'connections', state: 'warning', found: '2 of 9 are free, a run takes up to 4' },
    ])
    expect(bad(await check({ maxConnections: 2 }, 'source'))).toEqual([])
  })

  it('says that the role has too few connections left', async () => {
    await server.query('shop', 'ALTER ROLE reader CONNECTION LIMIT 3')
    onTestFinished(async () => void (await server.query('shop', 'ALTER ROLE reader CONNECTION LIMIT -1')))
    expect(bad(await check({}, 'source'))).toEqual([
      {
        ...{ what: 'connections', state: 'warning', found: '3 of the 3 of role reader are free, a run takes up to 4' },
        advice: 'lower maxConnections of the connection, or ALTER ROLE "reader" CONNECTION LIMIT …',
      },
    ])
    expect(bad(await check({ maxConnections: 3 }, 'source'))).toEqual([])
  })

  it.each([
    ['the password is wrong', { password: 'wrong-password' }, 'configuration', 'check user and password, and what pg_hba.conf allows'],
    ['the role may not come in', { user: 'nobody_here' }, 'configuration', 'check user and password, and what pg_hba.conf allows'],
    ['the database is unknown', { database: 'none' }, 'configuration', 'check the database of the connection'],
    ['it offers no TLS', { tls: {} }, 'configuration', 'turn ssl on at the server; insecure: true goes without'],
    ['nothing listens there', { port: 9 }, 'unreachable', 'start the server, or check host and port'],
  ] as const)('says that %s', async (_, options, kind, advice) => {
    const found = await check(options, 'source')
    expect(found).toMatchObject([{ what: 'answers', state: 'fault', kind, advice }])
    expect(JSON.stringify(found)).not.toMatch(/wrong-password|a-password-to-be-hidden/)
  })

  it('says that insecure is insecure', async () => {
    expect(bad(await check({ insecure: true }, 'source'))).toMatchObject([{ what: 'tls', state: 'warning', found: 'insecure: no TLS' }])
  })

  it('says that a server does not answer', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const { port } = silent.address() as { readonly port: number }
    expect(await check({ port, connectTimeout: '1s' }, 'source')).toMatchObject([{ what: 'answers', state: 'fault', kind: 'unreachable' }])
  })

  it('closes a server that it has started, and its session', async () => {
    let closed = 0
    const { host, port } = server
    const start = async () => ({ host, port, close: async () => void closed++ })
    const found = await postgres({ start, database: 'shop', user: 'reader', password: new Secret('env:P', () => PASSWORD) }).check?.(
      checkContext('source'),
    )
    expect(bad(found ?? [])).toEqual([])
    expect(closed).toBe(1)
    expect(await server.query('shop', "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'")).toEqual([['0']])
  })

  // The last one: the server speaks TLS from then on.
  it('says that a certificate holds, or for whom it does not', async () => {
    const [key, cert] = [join(server.folder, 'tls.key'), join(server.folder, 'tls.crt')]
    writeFileSync(key, SELF_SIGNED.key, { mode: 0o600 })
    writeFileSync(cert, SELF_SIGNED.cert)
    const { uid, gid } = statSync(server.folder)
    for (const file of [key, cert]) chownSync(file, uid, gid)
    for (const setting of [`ssl_key_file = '${key}'`, `ssl_cert_file = '${cert}'`, 'ssl = on'])
      await server.query('shop', `ALTER SYSTEM SET ${setting}`)
    await server.query('shop', 'SELECT pg_reload_conf()')
    const ca = join(temporaryFolder(), 'ca.crt')
    writeFileSync(ca, SELF_SIGNED.cert)
    expect(
      (
        await until(
          () => check({ tls: { ca } }, 'source'),
          ([first]) => first?.state === 'ok',
        )
      )[1],
    ).toMatchObject({ what: 'tls', state: 'ok', found: expect.stringMatching(/^TLSv1\.\d, the certificate verified$/) })
    expect(await check({ tls: {} }, 'source')).toMatchObject([
      { state: 'fault', kind: 'configuration', found: expect.stringContaining('its certificate is self-signed') },
    ])
    expect(await check({ tls: { ca, serverName: 'db.example' } }, 'source')).toMatchObject([
      { state: 'fault', found: expect.stringContaining('for another name') },
    ])
    expect(bad(await check({ insecure: true }, 'source'))).toMatchObject([
      { what: 'tls', state: 'warning', found: expect.stringMatching(/^insecure: TLSv1\.\d, any certificate is taken$/) },
    ])
  })
})

describe('check of postgres as a warehouse', () => {
  const rights = async (options: Partial<PostgresOptions>, tables: readonly string[] = []) =>
    (await check({ user: 'writer', ...options }, 'warehouse', { tables })).filter(({ what }) => what === 'rights' || what === 'writing')

  it('says that all can be written', async () => {
    await server.query('shop', 'CREATE TABLE mart.mine (id int, _partition text, _load text); ALTER TABLE mart.mine OWNER TO writer')
    expect(await rights({ schema: 'mart' }, ['mine', 'not_yet'])).toEqual([
      { what: 'rights', state: 'ok', found: 'can make tables in schema "mart", and write the 1 that are there' },
    ])
  })

  it('says which tables and other things no load can go into', async () => {
    await server.query(
      'shop',
      `CREATE TABLE mart.theirs (id int); CREATE TABLE mart.wrong (id int, _partition text, _load bigint); CREATE SEQUENCE mart.counter; CREATE TYPE mart.pair AS (a int);
       ALTER TABLE mart.theirs OWNER TO writer; ALTER TABLE mart.wrong OWNER TO writer`,
    )
    const found = await rights({ schema: 'mart' }, ['theirs', 'wrong', 'counter', 'pair'])
    expect(found).toMatchObject(
      [
        '"mart"."counter" is no table',
        '"mart"."pair" is no table',
        '"mart"."theirs" was not made by millrace: it has no columns _partition and _load of type text',
        '"mart"."wrong" was not made by millrace: it has no columns _partition and _load of type text',
      ].map((each) => ({ what: 'rights', state: 'fault', kind: 'configuration', found: each })),
    )
  })

  it('says that policies would hide rows of a table', async () => {
    await server.query(
      'shop',
      `CREATE TABLE mart.guarded (id int, _partition text, _load text); ALTER TABLE mart.guarded OWNER TO writer;
       ALTER TABLE mart.guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
    )
    onTestFinished(async () => void (await server.query('shop', 'DROP TABLE mart.guarded')))
    expect(await rights({ schema: 'mart' }, ['guarded'])).toMatchObject([
      {
        state: 'fault',
        kind: 'configuration',
        found: '"mart"."guarded" has policies that hide rows from "writer": no load goes into it',
        advice: 'let a superuser say: ALTER ROLE "writer" BYPASSRLS',
      },
    ])
  })

  it('says what is missing, as what the owner can type, and that helps', async () => {
    const found = await rights({ schema: 'foreign_mart' }, ['t', 'a_view'])
    expect(found.map((each) => each.found)).toEqual([
      'no table can be made in schema "foreign_mart"',
      '"foreign_mart"."a_view" is no table',
      '"foreign_mart"."t" cannot be written: DELETE, UPDATE is missing',
    ])
    for (const { advice = '' } of found) if (advice.includes('GRANT')) await server.query('shop', advice.replace('let its owner say: ', ''))
    expect(await rights({ schema: 'foreign_mart' }, ['t'])).toEqual([
      { what: 'rights', state: 'ok', found: 'can make tables in schema "foreign_mart", and write the 1 that are there' },
      {
        what: 'rights',
        state: 'warning',
        found: '"foreign_mart"."t" belongs to another role: columns and keys cannot be added to it',
        advice: 'ALTER TABLE "foreign_mart"."t" OWNER TO "writer"',
      },
    ])
  })

  it('says that there is no such schema, that temporary tables are forbidden; a default of reading only is no fault', async () => {
    expect(await rights({ schema: 'no mart' })).toMatchObject([
      { state: 'fault', found: 'there is no schema "no mart"', advice: 'CREATE SCHEMA "no mart" AUTHORIZATION "writer"' },
    ])
    await server.query('shop', 'REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC; ALTER ROLE writer SET default_transaction_read_only = on')
    onTestFinished(async () => void (await server.query('shop', 'GRANT TEMPORARY ON DATABASE shop TO PUBLIC; ALTER ROLE writer RESET ALL')))
    expect(await rights({ schema: 'mart' })).toMatchObject([
      { what: 'rights', state: 'fault', advice: 'let its owner say: GRANT TEMPORARY ON DATABASE "shop" TO "writer"' },
    ])
  })
})

test('check of postgres changes nothing', async () => {
  const all = () =>
    server.query(
      'shop',
      "SELECT relname FROM pg_class WHERE relnamespace::regnamespace::text IN ('mart', 'public', 'foreign_mart') ORDER BY 1",
    )
  const before = await all()
  await check({ user: 'writer', schema: 'mart' }, 'warehouse', { tables: ['new'] })
  expect(await all()).toEqual(before)
})
