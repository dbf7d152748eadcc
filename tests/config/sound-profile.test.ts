import { expect, it } from 'vitest'
import { isSoundProfile } from '../../lib/config/sound-profile.ts'
import { validateProfile } from '../../lib/config/validate.ts'
import { azure, duckdb, files, gcs, http, local, postgres, s3, webhook } from '../../lib/index.ts'

const KEY = Buffer.alloc(32).toString('base64')

const stores = { local: local('a'), gcs: gcs({ bucket: 'deliveries' }), s3: s3({ bucket: 'deliveries', region: 'eu-central-1' }) }

const whole = {
  connections: { one: files('data'), two: http({ baseUrl: 'https://example.com' }) },
  warehouse: duckdb('w.duckdb'),
  landing: stores.local,
  store: azure({ account: 'acme', container: 'deliveries' }),
  cache: '1GB',
  notify: { downstream: webhook({ url: 'https://example.com', secret: KEY }) },
  state: 'state',
  limits: { memory: '1GB', threads: 2, readerMemory: '1GB', readerTimeout: '1h' },
  now: { one: '2018-02-07T01:30:00Z' },
}

it('isSoundProfile sees that a right profile is right, whatever it connects to', () => {
  const { connections, warehouse, landing, store } = whole
  const database = postgres({ host: 'localhost', database: 'd', user: 'u' })
  expect(isSoundProfile(whole)).toBe(true)
  expect(isSoundProfile({ connections, warehouse, landing, store })).toBe(true)
  expect(isSoundProfile({ connections: { database }, warehouse: database, landing: stores.gcs, store: stores.s3 })).toBe(true)
  expect(isSoundProfile({ ...whole, now: '2018-02-07T01:30:00Z' })).toBe(true)
})

it('isSoundProfile never takes what validateProfile refuses', () => {
  const wrong = [
    undefined,
    null,
    0,
    1,
    '',
    'text',
    'soon',
    [],
    {},
    { open: 1 },
    stores.local,
    whole.warehouse,
    { one: stores.local },
    () => 1,
  ]
  const isValid = (profile: unknown) => {
    try {
      validateProfile(profile, 'here')
      return true
    } catch {
      return false
    }
  }
  const seen = { sound: 0, refused: 0 }
  for (const name of [...Object.keys(whole), 'unknown'])
    for (const value of wrong) {
      const profile = { ...whole, [name]: value }
      const [sound, valid] = [isSoundProfile(profile), isValid(profile)]
      seen[sound ? 'sound' : 'refused']++
      expect(sound && !valid, `${name}: ${JSON.stringify(value)}`).toBe(false)
    }
  for (const name of Object.keys(whole.limits))
    for (const value of wrong) {
      const profile = { ...whole, limits: { ...whole.limits, [name]: value } }
      expect(isSoundProfile(profile) && !isValid(profile), `limits.${name}: ${JSON.stringify(value)}`).toBe(false)
    }
  expect(seen.sound).toBeGreaterThan(5)
  expect(seen.refused).toBeGreaterThan(50)
})
