import { createHmac } from 'node:crypto'
import { ConfigError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'

const LEAST_BYTES = 24
const MOST_BYTES = 64

/** The bytes of a signing key. What is left without the prefix is kept from every outlet, too. @throws ConfigError for text that is no such key */
export function signingKey(text: string, of: string): Buffer {
  const base64 = text.trim().replace(/^whsec_/, '')
  if (base64 !== '') new Secret('configuration', () => base64).reveal()
  const key = Buffer.from(base64, 'base64')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || key.length < LEAST_BYTES || key.length > MOST_BYTES)
    throw new ConfigError(`the signing secret of ${of} is no base64 of ${LEAST_BYTES} to ${MOST_BYTES} bytes`, {
      hint: 'make one, for both sides: echo "whsec_$(openssl rand -base64 32)"',
    })
  return key
}

/**
 * The headers that tell a receiver whose a request is, of when, and which notice: Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks), with a signature for each key; and the id as `Idempotency-Key`.
 */
export function signed(id: string, at: Date, body: string, keys: readonly Buffer[]): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const signatures = keys.map((key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`)
  return { 'idempotency-key': id, 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
