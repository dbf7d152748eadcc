import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type RssSamples, sampleRss } from './processes.ts'

/** A child's answer, and the memory of its processes over its whole life. */
export interface Answer<T> {
  readonly message: T
  readonly rss: RssSamples
}

/** Runs a script of this folder in a process of its own, after what others wrote has reached the disk. @throws Error when it fails, with what it said */
export async function answerOf<T>(script: string, env: NodeJS.ProcessEnv, message?: object): Promise<Answer<T>> {
  spawnSync('sync')
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [], {
    env: { ...process.env, UV_THREADPOOL_SIZE: '16', ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: ['--no-warnings'],
  })
  const rss = sampleRss(child.pid ?? 0)
  const ended = once(child, 'exit')
  const said = wordsOf(child)
  let answer: T | undefined
  child.on('message', (given) => {
    answer = given as T
  })
  if (message) child.send(message)
  const [code] = await ended
  rss.stop()
  if (answer === undefined || code !== 0) throw new Error(`${script} failed (${code}): ${said()}`)
  return { message: answer, rss }
}

function wordsOf(child: ChildProcess): () => string {
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4000)
  })
  return () => words.trim()
}
