import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { PartResult } from './report.ts'

/** What the short form of a torture has told. */
export interface Told {
  readonly code: number | null
  readonly results: readonly PartResult[]
  readonly stderr: string
}

/** Runs the short form in a process of its own: it imports lib as a project does, not as vitest does. */
export function shortForm(main: 'torture.ts' | 'rentals.ts', parts: string): Promise<Told> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, main), '--short', '--json', '--parts', parts], {
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
        const { results } = JSON.parse(stdout) as Pick<Told, 'results'>
        done({ code, results, stderr })
      } catch (error) {
        failed(new Error(`${main} said no JSON:\n${stderr}${stdout}`, { cause: error }))
      }
    })
  })
}

/** The broken twins that were caught, by name. */
export function twinsOf(results: readonly PartResult[]): string[] {
  return results
    .flatMap((part) => part.trials)
    .filter(({ name }) => name.startsWith('twin: '))
    .map(({ name }) => name.slice('twin: '.length, name.indexOf(', caught by')))
}
