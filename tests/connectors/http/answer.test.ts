import { expect, test } from 'vitest'
import { quoted, retryAfter } from '../../../lib/connectors/answers.ts'
import { refuseDetour, shownUrl } from '../../../lib/connectors/http/address.ts'
import { errorOfNetwork } from '../../../lib/connectors/http/answer.ts'
import { PermanentError, TransientError } from '../../../lib/core/errors.ts'
import { Secret } from '../../../lib/core/secret.ts'

const now = new Date('2026-11-23T08:00:00Z')

test.each([
  ['120', 120_000],
  ['0', 0],
  ['Mon, 23 Nov 2026 08:00:07 GMT', 7000],
  ['Mon, 23 Nov 2026 07:59:00 GMT', 0],
  ['soon', undefined],
  ['-5', undefined],
  ['1.5', undefined],
  ['2026', 2_026_000],
  [null, undefined],
])('retryAfter reads %s', (header, ms) => {
  expect(retryAfter(header, now)).toBe(ms)
})

test('quoted shows one line of at most so many characters, and cuts after redaction', () => {
  const key = new Secret('env:KEY', () => 'planted-secret-1234567890').reveal()
  expect(quoted(' a\n\n  b "c" ')).toBe(': "a b \\"c\\""')
  expect(quoted('')).toBe('')
  expect(quoted('é'.repeat(301))).toBe(`: "${'é'.repeat(300)}…"`)
  expect(quoted(`${'x'.repeat(290)}${key}`)).toBe(`: "${'x'.repeat(290)}[secret]"`)
})

test('errorOfNetwork says the innermost cause, and does not retry a certificate that does not hold', () => {
  const refused = new TypeError('fetch failed', {
    cause: Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }),
  })
  expect(errorOfNetwork(refused, 'page 1 of GET u')).toMatchObject({
    constructor: TransientError,
    message: 'page 1 of GET u failed: connect ECONNREFUSED 127.0.0.1:1',
  })
  const expired = new TypeError('fetch failed', {
    cause: Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' }),
  })
  expect(errorOfNetwork(expired, 'page 1 of GET u')).toMatchObject({
    constructor: PermanentError,
    message: "page 1 of GET u was not sent: the server's certificate does not hold: certificate has expired (CERT_HAS_EXPIRED)",
  })
})

test('shownUrl hides the parameter that authenticates, and every secret', () => {
  const token = new Secret('env:T', () => 'planted/secret value').reveal()
  expect(shownUrl(new URL(`http://a/x?b=1&api_key=k&c=${encodeURIComponent(token)}`), 'api_key')).toBe('http://a/x?b=1&c=[secret]')
})

test.each([
  ['https://api.example/x', 'http://api.example/x', 'leaves TLS'],
  ['https://api.example/x', 'file:///etc/passwd', 'uses file:'],
  ['http://api.example/x', 'http://169.254.169.254/latest', 'is a link-local address'],
  ['http://127.0.0.1:8080/x', 'http://[fe80::1]/latest', 'is a link-local address'],
  ['http://127.0.0.1:8080/x', 'http://[::ffff:169.254.169.254]/', 'is a link-local address'],
  ['http://api.example/x', 'http://metadata.google.internal/', 'is a link-local address'],
  ['http://api.example/x', 'http://127.0.0.1/x', 'is a private address'],
  ['http://api.example/x', 'http://2130706433/x', 'is a private address'],
  ['http://api.example/x', 'http://localhost/x', 'is a private address'],
  ['http://api.example/x', 'http://10.1.2.3/x', 'is a private address'],
  ['http://api.example/x', 'http://[::1]/x', 'is a private address'],
])('refuseDetour refuses from %s to %s', (from, to, why) => {
  expect(() => refuseDetour(new URL(from), new URL(to), 'page 1')).toThrow(
    expect.objectContaining({ constructor: PermanentError, message: expect.stringContaining(why) }),
  )
})

test.each([
  ['https://api.example/x', 'https://cdn.example/y'],
  ['http://127.0.0.1:8080/x', 'http://127.0.0.1:9090/y'],
  ['http://10.0.0.1/x', 'http://10.0.0.2/y'],
  ['http://169.254.169.254/x', 'http://169.254.169.254/y'],
])('refuseDetour lets %s lead to %s', (from, to) => {
  expect(() => refuseDetour(new URL(from), new URL(to), 'page 1')).not.toThrow()
})
