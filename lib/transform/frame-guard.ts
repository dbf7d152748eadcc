import type { LazyDataFrame } from 'nodejs-polars'
import { ConfigError } from '../core/errors.ts'
import { isLazyFrame, type Polars } from '../engines/polars.ts'
import type { FrameFunction, FrameWindow } from './steps.ts'

/** Native methods of a lazy frame that run it. */
const RUNNING: Readonly<Record<string, string>> = {
  collect: 'collect',
  collectSync: 'collectSync',
  fetchSync: 'fetch',
  sinkParquet: 'sinkParquet',
  sinkCsv: 'sinkCSV',
  sinkJson: 'sinkNdJson',
  sinkIpc: 'sinkIpc',
}

type Method = (this: { describePlan?: () => string }, ...args: unknown[]) => unknown

/**
 * Calls a frame. While it runs, whatever would run a lazy frame over one of the pipeline's datasets throws a ConfigError; a small frame that it makes itself may be collected.
 * Frames are synchronous, so that nothing else runs meanwhile. @throws ConfigError also when it gives back anything but a lazy frame; what the function throws comes as it is.
 */
export function callFrame(
  pl: Polars,
  frame: FrameFunction<string, Readonly<Record<string, never>>>,
  datasets: Readonly<Record<string, LazyDataFrame>>,
  window: FrameWindow,
): LazyDataFrame {
  const result: unknown = guarded(pl, () => frame(datasets as never, window))
  if (isLazyFrame(result)) return result
  // Nobody waits for it: what it throws is not worth more than what follows here.
  if (result instanceof Promise) result.catch(() => undefined)
  throw new ConfigError(`a frame gives back a lazy frame, not ${kindOf(result)}; leave out collect() and await: millrace runs it`)
}

function guarded<T>(pl: Polars, work: () => T): T {
  const prototype = nativePrototype(pl)
  const originals = new Map<string, Method>()
  for (const [method, shown] of Object.entries(RUNNING)) {
    const original = Reflect.get(prototype, method) as Method | undefined
    if (!original) continue
    originals.set(method, original)
    Reflect.set(prototype, method, function (this: { describePlan?: () => string }, ...args: unknown[]) {
      if (/\bSCAN\b/.test(this.describePlan?.() ?? 'SCAN'))
        throw new ConfigError(`${shown}() inside a frame needs data; give back the lazy frame: millrace runs it`)
      return original.apply(this, args)
    } satisfies Method)
  }
  try {
    return work()
  } finally {
    for (const [method, original] of originals) Reflect.set(prototype, method, original)
  }
}

let native: object | undefined

/** The prototype that all lazy frames' native halves share, also those that `pl.concat` makes. */
function nativePrototype(pl: Polars): object {
  native ??= Object.getPrototypeOf(Reflect.get(pl.DataFrame({ x: [true] }).lazy(), '_ldf')) as object
  return native
}

function kindOf(value: unknown): string {
  if (value instanceof Promise) return 'a promise'
  if (value === null || typeof value !== 'object') return value === undefined ? 'nothing' : `a ${typeof value}`
  const tag: unknown = Reflect.get(value, Symbol.toStringTag)
  return typeof tag === 'string' ? `a ${tag}` : 'an object'
}
