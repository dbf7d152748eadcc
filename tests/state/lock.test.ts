import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TransientError } from '../../lib/core/errors.ts'
import { lock, partitionLock, sharedLock, tryLock } from '../../lib/state/lock.ts'
import { projectUrl, startNode } from '../kit/child.ts'
import { manualClock, temporaryFolder } from '../kit/context.ts'

const what = 'pipeline "quakes", partition 2018-02-04'
const held = (path: string) =>
  startNode(`import { lock } from '${projectUrl('lib/state/lock.ts')}'
await lock(${JSON.stringify(path)}, { what: 'x' })
console.log('held')
setInterval(() => {}, 1000)`)

test('lock excludes a second holder in this process, and lets it in after release', async () => {
  const path = join(temporaryFolder(), 'a/b/p.lock')
  const first = await lock(path, { what })
  const error = await lock(path, { what }).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(TransientError)
  expect(error).toMatchObject({ message: `another run is at work on ${what}`, exitCode: 75, hint: expect.any(String) })
  expect(tryLock(path)).toBeUndefined()
  first.release()
  first.release()
  using second = await lock(path, { what })
  expect(second.path).toBe(path)
})

test('lock excludes another process, and is free at once when that is killed', async () => {
  const path = join(temporaryFolder(), 'p.lock')
  const child = held(path)
  await child.said('held')
  await expect(lock(path, { what })).rejects.toThrow(TransientError)
  await child.kill('SIGKILL')
  using _lock = await lock(path, { what })
})

test('lock holds while its process is stopped', async () => {
  const path = join(temporaryFolder(), 'p.lock')
  const child = held(path)
  await child.said('held')
  await child.kill('SIGSTOP')
  await expect(lock(path, { what })).rejects.toThrow(TransientError)
  await child.kill('SIGCONT')
  await expect(lock(path, { what })).rejects.toThrow(TransientError)
})

test('lock waits as long as it is told, on the clock it is given', async () => {
  const path = join(temporaryFolder(), 'p.lock')
  using _held = await lock(path, { what })
  const clock = manualClock()
  await expect(lock(path, { what, clock, waitMs: 60_000 })).rejects.toThrow(`another run is at work on ${what} (waited 60 s)`)
  expect(clock.slept.reduce((sum, ms) => sum + ms, 0)).toBe(60_000)
})

test('lock gets in while it waits', async () => {
  const path = join(temporaryFolder(), 'p.lock')
  const first = await lock(path, { what })
  const waiting = lock(path, { what, waitMs: 10_000 })
  setTimeout(() => first.release(), 50)
  using second = await waiting
  expect(second.path).toBe(path)
})

test('lock stops waiting when it is told, with the reason', async () => {
  const path = join(temporaryFolder(), 'p.lock')
  using _held = await lock(path, { what })
  const stop = new AbortController()
  setTimeout(() => stop.abort(new Error('stopped')), 30)
  await expect(lock(path, { what, waitMs: 10_000, signal: stop.signal })).rejects.toThrow('stopped')
  await expect(lock(path, { what, signal: stop.signal })).rejects.toThrow('stopped')
})

test('lock is held though its holder lost sight of it', async () => {
  const path = join(temporaryFolder(), 'p.lock')
  const child = startNode(
    `import { lock } from '${projectUrl('lib/state/lock.ts')}'
await lock(${JSON.stringify(path)}, { what: 'x' })
for (let i = 0; i < 5; i++) { globalThis.gc(); await new Promise((r) => setTimeout(r, 10)) }
console.log('collected')
setInterval(() => {}, 1000)`,
    { nodeArgs: ['--expose-gc'] },
  )
  await child.said('collected')
  await expect(lock(path, { what })).rejects.toThrow(TransientError)
})

test('lock of one name does not exclude another', async () => {
  const folder = temporaryFolder()
  const locks = [
    partitionLock(folder, 'p', '2018-02-04'),
    partitionLock(folder, 'p', '2018-02-05'),
    partitionLock(folder, 'p', '_all'),
    sharedLock(folder, 'p'),
    sharedLock(folder, 'q'),
    partitionLock(folder, 'p', '../q/shared'),
  ]
  expect(new Set(locks.map(({ path }) => path)).size).toBe(locks.length)
  const taken = await Promise.all(locks.map(({ path, what }) => lock(path, { what })))
  expect(readdirSync(folder).sort()).toEqual(['p', 'q'])
  expect(locks[0]?.what).toBe('pipeline "p", partition 2018-02-04')
  for (const each of taken) each.release()
})

test('lock where no folder can be made says so', async () => {
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, '')
  await expect(lock(join(file, 'p.lock'), { what })).rejects.toMatchObject({ exitCode: 1, place: { file }, hint: expect.any(String) })
})
