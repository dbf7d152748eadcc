import { readdirSync } from 'node:fs'
import { Readable } from 'node:stream'
import { beforeEach, expect, it, test } from 'vitest'
import { openLocalStore } from '../../lib/connectors/local/store.ts'
import { probeStore } from '../../lib/connectors/probe-store.ts'
import type { Store } from '../../lib/connectors/store.ts'
import { PermanentError } from '../../lib/core/errors.ts'
import { temporaryFolder } from '../kit/context.ts'

let folder: string
let store: Store
const { signal } = new AbortController()
beforeEach(() => {
  folder = temporaryFolder()
  store = openLocalStore(folder)
})
const objects = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((each) =>
    each.isFile() && !each.parentPath.includes('.millrace-meta') ? [each.name] : [],
  )
const denied = async () => {
  throw new PermanentError('permission denied', { hint: 'ask for the right' })
}

test('probeStore finds nothing wrong with a store that does what it promises, and leaves nothing', async () => {
  expect(await probeStore(store, signal)).toMatchObject({ what: 'objects', state: 'ok' })
  expect(objects()).toEqual([])
})

const BROKEN: readonly (readonly [what: string, found: string, broken: (store: Store) => Partial<Store>])[] = [
  ['write', 'permission denied', () => ({ put: denied })],
  ['read', 'permission denied', () => ({ get: denied })],
  ['read', 'is not what was written', () => ({ get: async () => Readable.from(['something else']) })],
  ['list', 'holds 0 objects where one was written', () => ({ list: async function* () {} })],
  ['preconditions', 'create-if-absent overwrote an object', (good) => ({ put: (key, body) => good.put(key, body) })],
  [
    'preconditions',
    'replace-this-version overwrote an object',
    (good) => ({ put: (key, body, options) => good.put(key, body, options?.ifAbsent ? { ifAbsent: true } : {}) }),
  ],
  ['delete', 'is still there', (good) => ({ head: async (key) => ({ ...(await good.put(key, { bytes: '' })) }) })],
]
it.each(BROKEN)('probeStore finds what is wrong with %s: %s, and leaves nothing', async (what, found, broken) => {
  expect(await probeStore({ ...store, ...broken(store) }, signal)).toMatchObject({
    what,
    state: 'fault',
    found: expect.stringContaining(found),
  })
  expect(objects()).toEqual([])
})

test('probeStore tells what may not be deleted by its key', async () => {
  expect(await probeStore({ ...store, delete: denied }, signal)).toMatchObject({
    what: 'delete',
    state: 'fault',
    found: expect.stringMatching(/^permission denied; _tmp\/doctor-.*\/probe stays$/),
    advice: 'ask for the right',
  })
  expect(objects()).toEqual(['probe'])
})
