import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { secret } from '../../lib/config/secret.ts'
import { openAzureStore } from '../../lib/connectors/azure/store.ts'
import { openGcsStore } from '../../lib/connectors/gcs/store.ts'
import { openS3Store } from '../../lib/connectors/s3/store.ts'
import { webhook } from '../../lib/connectors/webhook/index.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { type ManualClock, manualClock, testContext } from '../kit/context.ts'
import { failure as failureOfRead, read } from './http/reading.ts'

const server = createServer((_, response) => response.end('[]'))
let url: string
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())

process.env.PLANTED_KEY = 'a2V5'
const key = secret('env:PLANTED_KEY')
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

it.each<[name: string, setting: string, work: (clock: ManualClock) => Promise<unknown>]>([
  ['gcs', 'apiEndpoint', (clock) => failure(openGcsStore({ bucket: 'bucket', apiEndpoint: url }, clock).head('k'))],
  [
    's3',
    'endpoint',
    (clock) =>
      failure(openS3Store({ bucket: 'bucket', endpoint: url, region: 'x', accessKeyId: 'a', secretAccessKey: key }, clock).head('k')),
  ],
  ['azure', 'endpoint', (clock) => failure(openAzureStore({ account: 'a', container: 'c', endpoint: `${url}/a`, key }, clock).head('k'))],
  [
    'webhook',
    'url',
    () =>
      failure(
        webhook({ url, secret: Buffer.alloc(32).toString('base64') })
          .openNotifier('downstream')
          .send(
            { id: 'a', at: '2026-01-05T08:15:00.000Z', body: '{}', attributes: {} },
            { signal: new AbortController().signal, emit: () => {} },
          ),
      ),
  ],
])('%s at a port that speaks no TLS says so, and does not ask again', async (_, setting, work) => {
  const clock = manualClock(new Date())
  const error = await work(clock)
  expect(error).toBeInstanceOf(ConfigError)
  expect((error as ConfigError).message).toMatch(/: the server speaks no TLS there/)
  expect((error as ConfigError).hint).toContain(`correct the port in \`${setting}\``)
  expect(clock.slept).toEqual([])
})

it('http at a port that speaks no TLS says so, and does not ask again', async () => {
  const ctx = testContext()
  const error = await failureOfRead(ctx, read({ baseUrl: url }, {}, {}, ctx))
  expect(error).toMatchObject({
    name: 'ConfigError',
    message: `page 1 of GET ${url}/things was not sent: the server speaks no TLS there`,
    hint: 'correct the port of the base URL, or write it as "http://…"',
  })
  expect(ctx.events).toEqual([])
})
