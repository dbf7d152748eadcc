import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished, test } from 'vitest'
import { type WebhookOptions, webhook } from '../../../lib/connectors/webhook/index.ts'

const folder = join(import.meta.dirname, '../../kit/tls')
const ca = join(folder, 'authority.pem')
const notice = { id: 'a1b2', at: '2026-01-05T08:15:00.000Z', body: '{}', attributes: {} }

/** Sends to a server with one of the certificates of tests/kit/tls, by the name `localhost`; gives the error, and how many requests came. */
async function sentTo(certificate: string, tls: WebhookOptions['tls']) {
  const pem = (ending: string) => readFileSync(join(folder, `${certificate}.${ending}`), 'utf8')
  let requests = 0
  const server = createServer({ key: pem('key'), cert: pem('pem') }, (_, response) => {
    requests++
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const url = `https://localhost:${(server.address() as AddressInfo).port}/`
  const notifier = webhook({ url, secret: Buffer.alloc(32).toString('base64'), ...(tls && { tls }) }).openNotifier('downstream')
  const error = await notifier.send(notice, { signal: new AbortController().signal, emit: () => {} }).catch((thrown: unknown) => thrown)
  return { error, requests }
}

it('a certificate of the authority that tls.ca names is taken', async () => {
  expect(await sentTo('server', { ca })).toEqual({ error: undefined, requests: 1 })
})

test.each<[string, WebhookOptions['tls'], string, string]>([
  ['server', undefined, 'comes from an unknown authority', 'tls: { ca: … } of webhook(…)'],
  ['expired', { ca }, 'has expired', 'renew it'],
  ['wrong-host', { ca }, 'is for another name', '`url` of webhook(…)'],
])('the certificate %s is refused with %o: nothing is sent, and not tried again', async (certificate, tls, message, hint) => {
  const { error, requests } = await sentTo(certificate, tls)
  expect(requests).toBe(0)
  expect(error).toMatchObject({ name: 'ConfigError', message: expect.stringContaining(message), hint: expect.stringContaining(hint) })
})
