import { expect, it, onTestFinished } from 'vitest'
import { gcs } from '../../../lib/connectors/gcs/index.ts'
import type { GcsOptions } from '../../../lib/connectors/gcs/options.ts'
import { checkContext } from '../../kit/check.ts'
import { manualClock } from '../../kit/context.ts'
import { type FaultRule, startGcsServer } from '../../kit/gcs-server.ts'

async function check(faults: readonly FaultRule[] = [], options: Partial<GcsOptions> = {}, clock = manualClock(new Date())) {
  const server = await startGcsServer({ faults })
  onTestFinished(() => server.close())
  const connection = gcs({ bucket: 'bucket', prefix: 'daily', apiEndpoint: server.url, timeoutMs: 1000, ...options })
  return { server, found: (await connection.check?.(checkContext('store', { clock }))) ?? [] }
}

it('check of gcs finds nothing wrong with a bucket, and leaves nothing in it', async () => {
  const { server, found } = await check()
  expect(found).toMatchObject([
    { what: 'objects', state: 'ok', found: expect.stringContaining('guarded by preconditions, deleted') },
    { what: 'clock', state: 'ok' },
  ])
  expect(server.names()).toEqual([])
})

it('check of gcs finds that there is no such bucket, or nothing that answers', async () => {
  expect((await check([], { bucket: 'another' })).found).toMatchObject([
    { what: 'answers', state: 'fault', kind: 'configuration', advice: 'make the bucket, or correct `bucket` of gcs(…)' },
  ])
  expect((await check([], { apiEndpoint: 'http://127.0.0.1:9' })).found).toMatchObject([
    { what: 'answers', state: 'fault', kind: 'unreachable' },
  ])
})

const DENIED = { kind: 'status', status: 403, reason: 'forbidden' } as const
it.each([
  ['answers', [{ on: 'list', fault: DENIED }]],
  ['write', [{ on: 'insert', fault: DENIED }]],
  ['read', [{ on: 'media', fault: DENIED }]],
  ['list', [{ on: 'list', nth: 2, fault: DENIED }]],
  ['delete', [{ on: 'delete', times: 9, fault: DENIED }]],
] as const)('check of gcs finds that the right to %s is missing, and what right helps', async (what, faults) => {
  const { server, found } = await check(faults)
  expect(found[0]).toMatchObject({
    what,
    state: 'fault',
    kind: 'configuration',
    found: expect.stringContaining('permission denied (403)'),
    advice: expect.stringContaining('storage.objects.create, get, list and delete'),
  })
  expect(server.names()).toHaveLength(what === 'delete' ? 1 : 0)
  if (what === 'delete') expect(found[0]?.found).toMatch(/; _tmp\/doctor-.*\/probe stays$/)
})

it('check of gcs finds that the bucket is in trouble', async () => {
  const { found } = await check([{ on: 'insert', times: 9, fault: { kind: 'status', status: 503 } }])
  expect(found[0]).toMatchObject({ what: 'write', state: 'fault', kind: 'unreachable', advice: 'run again later' })
})

it('check of gcs tries once more where a name was written a moment ago', async () => {
  const { found } = await check([{ on: 'insert', nth: 3, fault: { kind: 'status', status: 429, reason: 'rateLimitExceeded' } }])
  expect(found[0]).toMatchObject({ state: 'ok' })
})

it('check of gcs finds that the clocks are apart', async () => {
  expect((await check([], {}, manualClock(new Date(Date.now() + 600_000)))).found[1]).toMatchObject({
    what: 'clock',
    state: 'warning',
    found: expect.stringMatching(/ahead of Cloud Storage$/),
  })
})
