import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { residentBytes } from '../../lib/core/proc.ts'
import { descendantsOf, heldBytes } from '../../lib/observe/proc.ts'

const BYTES = 200 * 2 ** 20

/** Holds 200 MiB and starts one process after the other. */
const STARTER = `
const { spawnSync } = require('node:child_process')
const held = Buffer.alloc(${BYTES}, 1)
process.stdout.write('ready')
for (let i = 0; i < 30; i++) spawnSync('true')
process.exitCode = held.length === ${BYTES} ? 0 : 1
`

test('a process that has just been forked does not count its parent a second time', async () => {
  const starter = spawn(process.execPath, ['-e', STARTER], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = starter.pid ?? 0
  const ended = once(starter, 'exit')
  await once(starter.stdout, 'data')
  let [held, resident] = [0, 0]
  while (starter.exitCode === null) {
    held = Math.max(held, heldBytes(pid))
    const below = descendantsOf(pid)
    resident = Math.max(resident, residentBytes(pid) + below.reduce((sum, child) => sum + residentBytes(child), 0))
    await setImmediate()
  }
  expect(await ended).toEqual([0, null])
  expect(held).toBeGreaterThan(BYTES)
  expect(held).toBeLessThan(1.5 * BYTES)
  expect(resident).toBeLessThan(1.8 * BYTES)
})
