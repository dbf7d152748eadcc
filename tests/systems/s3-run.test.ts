import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { s3 } from '../../lib/connectors/s3/index.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import type { TestProject } from '../kit/project.ts'
import { PLAIN, salesProjects } from '../kit/sales.ts'
import { startVersitygw, type Versitygw } from '../kit/versitygw.ts'

describe('a project whose landing zone and deliveries are in S3', () => {
  let server: Versitygw
  let local: TestProject
  let remote: TestProject
  beforeAll(async () => {
    server = await startVersitygw()
    const bucket = (prefix: string) =>
      `s3({ bucket: 'bucket', region: 'us-east-1', prefix: '${prefix}', endpoint: '${server.url}', accessKeyId: '${server.options.accessKeyId}', secretAccessKey: secret('env:MILLRACE_TEST_S3_SECRET') })`
    ;({ local, remote } = salesProjects('s3, secret', bucket))
  })
  afterAll(async () => {
    local?.remove()
    remote?.remove()
    await server?.stop()
  })

  it('gives what a local disk gives, and then finds nothing to do', async () => {
    expect(await local.millrace('run', 'sales')).toMatchObject({ code: 0 })
    const first = await remote.millrace('run', 'sales')
    expect(first).toMatchObject({ code: 0 })
    for (const path of PLAIN) {
      const { Body } = await server.client.getObject({ Bucket: 'bucket', Key: `export/${path}` })
      expect(await Body?.transformToString()).toBe(readFileSync(local.path('.millrace/dev/export', path), 'utf8'))
    }
    const query = 'SELECT * EXCLUDE (_load) FROM daily ORDER BY ALL'
    expect(await remote.warehouse(query)).toEqual(await local.warehouse(query))
    const again = await remote.millrace('run', 'sales')
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') })
    expect(await server.openUploads()).toEqual([])
    for (const { stdout, stderr } of [first, again]) expect(stdout + stderr).not.toContain('planted')
  })

  it('is found well by doctor, and its deliveries as delivered by verify', async () => {
    const doctor = await remote.millrace('doctor', '--json')
    expect(doctor.stdout).toContain('guarded by preconditions, deleted')
    expect(doctor.stdout).not.toContain('planted')
    const Statement = [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::bucket/export/*' }]
    await server.client.putBucketPolicy({ Bucket: 'bucket', Policy: JSON.stringify({ Version: '2012-10-17', Statement }) })
    for (const day of ['2024-01-01', '2024-01-02']) {
      const verified = await remote.millrace('verify', `${server.url}/bucket/export/daily/${day}`)
      expect(verified).toMatchObject({ code: 0 })
    }
  })

  it('shows its secrets nowhere', async () => {
    const config = await remote.millrace('config', '--json')
    expect(config.stdout).toContain('"kind": "s3"')
    expect(config.stdout + config.stderr).not.toContain('planted')
  })
})

describe('a server with a certificate', () => {
  const pem = (name: string) => join(import.meta.dirname, '../kit/tls', name)
  let server: Versitygw
  beforeAll(async () => {
    server = await startVersitygw({ cert: pem('server.pem'), key: pem('server.key'), ca: pem('authority.pem') })
  })
  afterAll(() => server.stop())

  it('is verified by the given authority, also for large bodies, and refused without', async () => {
    const store = s3({ ...server.options, tls: { ca: pem('authority.pem') }, retries: 0 }).openStore()
    expect(await store.put('k', { bytes: Buffer.alloc(6 * 2 ** 20) })).toMatchObject({ bytes: 6 * 2 ** 20 })
    for (const [tls, message] of [
      [undefined, "the server's certificate comes from an unknown authority"],
      [{ ca: pem('authority.pem'), serverName: 'another.test' }, "the server's certificate is for another name"],
    ] as const) {
      const refused = s3({ ...server.options, ...(tls && { tls }) }).openStore()
      const error = await refused.put('k', { bytes: 'x' }).catch((problem: unknown) => problem)
      expect(error).toBeInstanceOf(ConfigError)
      expect((error as ConfigError).message).toContain(message)
      expect((error as ConfigError).hint).toContain('s3(…)')
    }
  })
})
