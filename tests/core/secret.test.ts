import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConfigError } from '../../lib/core/errors.ts'
import { redact, redactJson, reveal, Secret } from '../../lib/core/secret.ts'

const VALUE = `p/a+s s"w'ö\\rd&=%#ü`
const secret = new Secret('env:TEST_PASSWORD', () => VALUE)
secret.reveal()

test('Secret cannot be printed', () => {
  const printed = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret, { showHidden: true, depth: 9 }),
    inspect({ nested: { secret } }, { customInspect: false, showHidden: true }),
    JSON.stringify(structuredClone({ ...secret })),
    inspect(structuredClone(secret)),
    new Error(`failed with ${secret}`).message,
    Object.values(secret).join(),
    JSON.stringify(Object.entries(Object.getOwnPropertyDescriptors(secret))),
  ]
  for (const text of printed) expect(text).not.toContain(VALUE)
  expect(printed[0]).toBe('[secret]')
})

const forms: [form: string, text: string][] = [
  ['raw', VALUE],
  ['URL-encoded', encodeURIComponent(VALUE)],
  ['URL-encoded in lower case', encodeURIComponent(VALUE).replace(/%../g, (code) => code.toLowerCase())],
  ['form-encoded', new URLSearchParams({ q: VALUE }).toString().slice(2)],
  ['in a URL object', new URL(`https://u:${encodeURIComponent(VALUE)}@host/`).href],
  ['base64', Buffer.from(VALUE).toString('base64')],
  ['base64url', Buffer.from(VALUE).toString('base64url')],
  ['hex', Buffer.from(VALUE).toString('hex')],
  ['JSON-escaped', JSON.stringify({ a: VALUE })],
  ['JSON-escaped twice', JSON.stringify(JSON.stringify({ a: VALUE }))],
  ['SQL-escaped', `ATTACH 'password=${VALUE.replaceAll("'", "''")}'`],
]
test.each(forms)('redact removes a revealed value: %s', (_form, text) => {
  const clean = redact(`before ${text} after`)
  expect(clean).toContain('[secret]')
  expect(clean).toMatch(/^before .* after$/)
  expect(clean.length).toBeLessThan(text.length + 20)
  expect(clean).not.toContain(text)
})

test('redact removes the value from a basic authorization header, whatever its alignment', () => {
  for (const user of ['', 'u', 'us', 'use', 'user']) {
    const header = Buffer.from(`${user}:${VALUE}`).toString('base64')
    const clean = redact(`Basic ${header}`)
    const left = Buffer.from(clean.replace('Basic ', '').replace('[secret]', ''), 'base64').toString()
    expect(clean).toContain('[secret]')
    expect(left).not.toContain(VALUE.slice(1, -1))
  }
})

test('redact leaves no form of any value of letters and signs', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 3, maxLength: 40, unit: 'grapheme' }), (value) => {
      fc.pre(!'[secret]'.includes(value) && value.isWellFormed())
      new Secret('env:X', () => value).reveal()
      for (const form of [value, encodeURIComponent(value), Buffer.from(value).toString('base64'), JSON.stringify(value).slice(1, -1)])
        expect(redact(`<${form}>`)).not.toContain(form)
    }),
    { numRuns: 50 },
  )
})

test('redact takes the longer of two values that overlap', () => {
  new Secret('env:A', () => 'abcdefgh').reveal()
  new Secret('env:B', () => 'abcdefghijkl').reveal()
  expect(redact('x abcdefghijkl x')).toBe('x [secret] x')
})

test('redact does not know a value that was never revealed, nor one of two letters', () => {
  new Secret('env:C', () => 'neverrevealed')
  expect(redact('neverrevealed')).toBe('neverrevealed')
  new Secret('env:D', () => 'qz').reveal()
  expect(redact('qz')).toBe('qz')
})

test('redactJson redacts texts and keys and leaves numbers', () => {
  new Secret('env:N', () => '4711471147').reveal()
  expect(redactJson({ rows: 4711471147, note: 'is 4711471147', k4711471147: [null, true, '4711471147'] })).toEqual({
    rows: 4711471147,
    note: 'is [secret]',
    'k[secret]': [null, true, '[secret]'],
  })
})

test('Secret says which setting wants a missing value', () => {
  const missing = new Secret('env:GONE', () => {
    throw new ConfigError('environment variable GONE is not set', { hint: 'set it' })
  })
  expect(() => missing.reveal()).toThrow('environment variable GONE is not set')
  missing.wantedBy('config profile "prod": connections.crm.password')
  expect(() => missing.reveal()).toThrow('environment variable GONE is not set; config profile "prod": connections.crm.password wants it')
  expect(missing.isSet()).toBe(false)
})

test('reveal gives a plain text as it is', () => {
  expect(reveal('plain')).toBe('plain')
  expect(reveal(secret)).toBe(VALUE)
})
