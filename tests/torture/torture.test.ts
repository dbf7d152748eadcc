import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface Told {
  readonly results: readonly {
    readonly name: string
    readonly trials: readonly { readonly name: string; readonly faults: readonly string[]; readonly kills: readonly unknown[] }[]
  }[]
}

/** The short form of `make torture`, in a process of its own: it imports lib as a project does, not as vitest does. */
function torture(parts: string): Promise<{ readonly code: number | null; readonly told: Told; readonly stderr: string }> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'torture.ts'), '--short', '--json', '--parts', parts], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', failed)
    child.on('close', (code) => {
      try {
        done({ code, told: JSON.parse(stdout) as Told, stderr })
      } catch (error) {
        failed(new Error(`torture said no JSON:\n${stderr}${stdout}`, { cause: error }))
      }
    })
  })
}

test('runs that are killed, refused by the disk, cut off or doubled leave what an unkilled run leaves, and broken twins are caught', {
  timeout: 600_000,
}, async () => {
  const { code, told, stderr } = await torture('random,targeted,operations,eio,twins,power,signals')
  const trials = told.results.flatMap((part) => part.trials)
  expect(
    trials.filter(({ faults }) => faults.length > 0),
    stderr,
  ).toEqual([])
  expect(told.results.map(({ name }) => name)).toEqual(['random', 'targeted', 'operations', 'eio', 'twins', 'power', 'signals'])
  expect(trials.flatMap(({ kills }) => kills).length).toBeGreaterThan(8)
  const twins = trials
    .filter(({ name }) => name.startsWith('twin: '))
    .map(({ name }) => name.slice('twin: '.length, name.indexOf(', caught by')))
  expect(twins).toEqual([
    'manifest before data, landing',
    'manifest before data, export',
    'cursor saved first',
    "FIFO's end of file taken for success",
    'no syncFile, no syncFolder',
    'no syncFile',
    'no syncFolder',
  ])
  expect(code).toBe(0)
})
