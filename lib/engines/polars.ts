import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { LazyDataFrame } from 'nodejs-polars'
import { shareExpressionMembers } from './polars-expressions.ts'

/** nodejs-polars' module, loaded when first asked for (70 ms): a plan without frames never pays for it. */
export type Polars = typeof import('nodejs-polars')['default']

let loaded: Promise<Polars> | undefined

/**
 * Limits the threads of Polars' pool, which has as many as the machine has cores otherwise. The pool starts with the process's first frame, be it one of zero rows, and stays as it is: so this is said before
 * a pipeline is bound. `POLARS_MAX_THREADS` of the environment goes first.
 */
export function limitPolars(threads: number): void {
  process.env.POLARS_MAX_THREADS ??= String(threads)
}

/** Loads Polars. */
export function loadPolars(): Promise<Polars> {
  loaded ??= import('nodejs-polars').then((module) => {
    shareExpressionMembers()
    return module.default
  })
  return loaded
}

/** A lazy frame over Parquet files that millrace wrote, in their order, of these columns (absent: of all, which are the same in all of them). Paths are taken as they are, never as globs. */
export function scanParquet(pl: Polars, files: readonly string[], columns?: readonly string[]): LazyDataFrame {
  const scans = files.map((file) => {
    const scan = pl.scanParquet(file, { glob: false, hivePartitioning: false })
    return columns ? scan.select(...columns) : scan
  })
  return pl.concat(scans, { how: 'vertical', rechunk: false, parallel: true }) as unknown as LazyDataFrame
}

/** Runs a lazy frame on the streaming engine into one new Parquet file, off the event loop. It cannot be interrupted. */
export async function sinkParquet(frame: LazyDataFrame, file: string): Promise<void> {
  await frame.sinkParquet(file, { compression: 'zstd', maintainOrder: true }).collect({ streaming: true })
}

let collectGarbage: ((options: { readonly type: 'minor' | 'major' }) => void) | undefined
let releases = 0

/**
 * Frees what used-up frames hold. Their memory is native: V8 sees small objects and is in no hurry, and a process of many transforms grows to twice its size
 * (174 to 340 MB over 50 frames of 200,000 rows; 185 MB so). A minor collection takes 1.6 ms, every eighth is a major one of 7 ms.
 */
export function releaseFrames(): void {
  if (!collectGarbage) {
    setFlagsFromString('--expose-gc')
    collectGarbage = runInNewContext('gc') as typeof collectGarbage
    // Code that is compiled under other flags is not taken from the compile cache: without this a run of frames would never find its own.
    setFlagsFromString('--no-expose-gc')
  }
  collectGarbage?.({ type: ++releases % 8 === 0 ? 'major' : 'minor' })
}

/** True for what Polars itself takes as a lazy frame. */
export function isLazyFrame(value: unknown): value is LazyDataFrame {
  return value !== null && typeof value === 'object' && Reflect.get(value, Symbol.toStringTag) === 'LazyDataFrame'
}

/** The first paragraph of a Polars message: what follows is its plan. */
export function polarsWords(message: string): string {
  return (message.split(/\n\s*\nResolved plan until failure/)[0] ?? message).replace(/\s*\n\s*/g, ' ').trim()
}
