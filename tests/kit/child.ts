import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

export interface Child {
  readonly process: ChildProcess
  /** Resolves when the child has printed a line that contains `word`; rejects with what it printed when it ends before. */
  said(word: string): Promise<void>
  /** What it printed, and its exit code, when it has ended. */
  ended(): Promise<{ readonly code: number | null; readonly output: string }>
  kill(signal: NodeJS.Signals): Promise<void>
}

/** A Node process of this test that runs `code` as a module; `import` of project files by `file:` URL; `through` is a command that starts it, as `unshare -rm`. It is killed after the test. */
export function startNode(
  code: string,
  options: {
    readonly uid?: number
    readonly nodeArgs?: readonly string[]
    readonly through?: readonly string[]
    readonly cwd?: string
  } = {},
): Child {
  const [command = process.execPath, ...before] = [...(options.through ?? []), process.execPath]
  const args = [...before, ...(options.nodeArgs ?? []), '--no-warnings', '--input-type=module-typescript', '--eval', code]
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
    ...(options.cwd && { cwd: options.cwd }),
  })
  let output = ''
  const end = once(child, 'close').then(([code]) => ({ code: code as number | null, output }))
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      output += String(chunk)
    })
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await end
  })
  return {
    process: child,
    said: (word) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!output.includes(word)) return
          child.stdout?.off('data', look)
          resolve()
        }
        child.stdout?.on('data', look)
        look()
        void end.then(() => reject(new Error(`the child ended before it said "${word}": ${output}`)))
      }),
    ended: () => end,
    kill: async (signal) => {
      child.kill(signal)
      if (signal === 'SIGKILL') await end
    },
  }
}

/** The URL of a file of the project, for a child's imports. */
export function projectUrl(path: string): string {
  return new URL(`../../${path}`, import.meta.url).href
}
