import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'

/** A command that has ended, as a user sees it. */
export interface Commanded {
  /** Of a signal, its name. */
  readonly code: number | string
  /** By `performance.now()`. */
  readonly endedAt: number
  /** How often it has tried something again, and what it says of the failure. */
  readonly words: string
}

/** A command that runs. */
export interface Running {
  readonly seen: Promise<Commanded>
  ended(): boolean
  kill(signal: NodeJS.Signals): void
}

/** Starts `millrace run faults` as a shell does. */
export function command(env: NodeJS.ProcessEnv): Running {
  const launcher = resolve(import.meta.dirname, '../../bin/millrace.js')
  const child = spawn(process.execPath, [launcher, 'run', 'faults', '--project', import.meta.dirname], {
    env: { ...process.env, MILLRACE_LOG: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more
    })
  let ended = false
  const seen = once(child, 'close').then(([code, signal]): Commanded => {
    ended = true
    return { code: code ?? signal, endedAt: performance.now(), words: wordsOf(text) }
  })
  return { seen, ended: () => ended, kill: (signal) => void child.kill(signal) }
}

function wordsOf(text: string): string {
  const failed = /^(?:failed [^:]*: |error: )(.*)$/m.exec(text)?.[1] ?? /^interrupted: .*$/m.exec(text)?.[0] ?? ''
  const again = /\d+ retr(y|ies)/.exec(text)?.[0]
  return [again, failed].filter((part) => part).join('; ')
}
