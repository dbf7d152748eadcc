import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../kit/context.ts'

test('processSignals ends a process at the second signal, also while a thread of the pool waits for a FIFO', {
  timeout: 20_000,
}, async () => {
  const fifo = join(temporaryFolder(), 'fifo')
  execFileSync('mkfifo', [fifo])
  const child = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import { open } from 'node:fs'
    import { abortOnSignals, processSignals } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../lib/cli/signals.ts')).href)}
    open(${JSON.stringify(fifo)}, 'r', () => {})
    abortOnSignals(processSignals, () => console.log('stopping'))
    setTimeout(() => console.log('up'), 200)`,
  ])
  try {
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    const [code, signal] = await once(child, 'exit', { signal: AbortSignal.timeout(10_000) })
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGINT' })
  } finally {
    child.kill('SIGKILL')
  }
})
