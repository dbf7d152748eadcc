import { statSync } from 'node:fs'
import type { RunContext } from './context.ts'
import type { Stage } from './errors.ts'

/** Whose progress it is: as the stage event of its start says. */
export interface ProgressOf {
  readonly stage: Stage
  readonly dataset: string
  readonly target?: string
}

/** How far it is; what is not known is absent. */
export interface Progress {
  readonly rows?: number
  /** Rows that there are to go through. */
  readonly totalRows?: number
  readonly bytes?: number
}

const INTERVAL_MS = 100

/** Emits what `look` gives ten times a second until it is disposed, and once more then, so that what was quick is told of too; does nothing where nobody looks on. `look` must return at once; when it throws, nothing is told. */
export function tellProgress(ctx: RunContext, of: ProgressOf, look: () => Progress | undefined): Disposable {
  if (!ctx.live) return { [Symbol.dispose]: () => {} }
  const tell = () => {
    try {
      const progress = look()
      if (progress) ctx.emit({ type: 'progress', ...of, ...progress })
    } catch {
      // Nothing fails because it cannot be told of.
    }
  }
  const timer = setInterval(tell, INTERVAL_MS).unref()
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer)
      tell()
    },
  }
}

/** The same of local files that are being written: their bytes. */
export function tellBytesOf(files: readonly string[], ctx: RunContext, of: ProgressOf): Disposable {
  return tellProgress(ctx, of, () => {
    const sizes = files.flatMap((file) => statSync(file, { throwIfNoEntry: false })?.size ?? [])
    return sizes.length === 0 ? undefined : { bytes: sizes.reduce((sum, size) => sum + size, 0) }
  })
}
