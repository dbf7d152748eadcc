import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { RunEvent } from '../../core/context.ts'
import { errorFromData } from '../../core/error-data.ts'
import { PermanentError } from '../../core/errors.ts'
import type { CertifyJob, FromCertifyChild, MadeUnit } from './job.ts'

/** What a child gave: the units, or why there are none. */
export type ChildOutcome = { readonly units: readonly MadeUnit[] } | { readonly error: Error }

export interface ChildOptions {
  readonly signal: AbortSignal
  /** Variables of every child; those of its setting go before them. */
  readonly environment: Readonly<Record<string, string>>
  readonly onEvent: (event: RunEvent, partition: string | undefined) => void
}

/** Runs a job in a process of its own, in the environment of its setting. Ends it, and rejects with the signal's reason, when that aborts. */
export function runChild(job: CertifyJob, { signal, environment, onEvent }: ChildOptions): Promise<ChildOutcome> {
  signal.throwIfAborted()
  const file = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './certify-child.ts' : './certify-child.js', import.meta.url))
  const child = fork(file, [], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, ...environment, ...job.setting.environment },
  })
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-2000)
  })
  return new Promise((resolve, reject) => {
    let outcome: ChildOutcome | undefined
    const stop = () => child.kill('SIGKILL')
    signal.addEventListener('abort', stop, { once: true })
    child.on('message', (message: FromCertifyChild) => {
      if (message.type === 'event') return onEvent(message.event, message.partition)
      outcome = message.type === 'done' ? { units: message.units } : { error: errorFromData(message.error) }
      child.kill('SIGKILL')
    })
    child.once('error', (error) => {
      words += error.message
    })
    child.once('close', (code, name) => {
      signal.removeEventListener('abort', stop)
      if (signal.aborted) return reject(signal.reason)
      const how = name ?? `exit ${code}`
      const last = words.trim().split('\n').at(-1) ?? ''
      const message = `the process that computed it again crashed (${how})${last === '' ? '' : `: ${last.slice(0, 200)}`}`
      resolve(outcome ?? { error: new PermanentError(message, { pipeline: job.pipeline }) })
    })
    child.send(job, () => {})
  })
}
