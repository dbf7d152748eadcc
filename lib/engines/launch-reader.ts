import { type ChildProcess, fork } from 'node:child_process'
import { Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/** A child that nobody has asked anything of yet. */
let ahead: { readonly threads: number; readonly child: ChildProcess } | undefined

/**
 * Launches the first reader child before anybody reads: it loads its engine on another core while this process loads and binds a pipeline. The first reader of as many threads takes it; one that nobody takes
 * does not hold this process open, and dies with it. For whoever is sure to read. Nothing where there is one core.
 */
export function launchAhead(threads: number): void {
  if (ahead || availableParallelism() < 2) return
  const child = launch(threads)
  ahead = { threads, child }
  rest(child)
  child.once('error', () => forget(child)).once('exit', () => forget(child))
}

/** A reader child: the one that was launched ahead, else a new one. */
export function readerChild(threads: number): ChildProcess {
  const found = ahead?.threads === threads ? ahead.child : undefined
  if (!found) return launch(threads)
  forget(found)
  return found
}

/** A child without jobs does not hold its parent's process open. */
export function rest(child: ChildProcess): void {
  child.unref()
  child.channel?.unref()
  if (child.stderr instanceof Socket) child.stderr.unref()
}

function forget(child: ChildProcess): void {
  if (ahead?.child === child) ahead = undefined
}

/** Each statement that runs holds a thread of the process's pool, and so do steps over files. */
const poolThreads = (threads: number) => Math.max(4, threads + 2)

function launch(threads: number): ChildProcess {
  const file = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './reader-child.ts' : './reader-child.js', import.meta.url))
  const passed = ['PATH', 'TMPDIR', 'LANG', 'NODE_COMPILE_CACHE'].filter((name) => process.env[name] !== undefined)
  return fork(file, [], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...Object.fromEntries(passed.map((name) => [name, process.env[name]])), UV_THREADPOOL_SIZE: String(poolThreads(threads)) },
  })
}
