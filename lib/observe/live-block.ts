import { redact } from '../core/secret.ts'
import type { Paint, TerminalStream } from './color.ts'
import { truncate } from './width.ts'

/** Milliseconds that only grow, and a way to be called again and again. */
export interface Ticker {
  nowMs(): number
  /** Calls `tick` every `ms` until the function it gives is called. Keeps no process alive. */
  every(ms: number, tick: () => void): () => void
}

export const machineTicker: Ticker = {
  nowMs: () => performance.now(),
  every: (ms, tick) => {
    const timer = setInterval(tick, ms).unref()
    return () => clearInterval(timer)
  },
}

/** What a live block shows at a moment: a line each for what is at work, and one below that is always there. */
export interface LiveLines {
  readonly active: readonly string[]
  readonly last?: string
}

/** Lines that are drawn over and over, below lasting ones. */
export interface LiveBlock {
  /** A line that stays: written on the next tick. */
  last(line: string): void
  /** Takes the live lines away. */
  close(): void
}

/** At most ten writes a second. */
const INTERVAL_MS = 100

/** Draws what `lines` gives, at most `most` active ones, on each tick: no burst of events writes more often. */
export function liveBlock(
  stream: TerminalStream,
  {
    ticker,
    paint,
    most,
    lines,
  }: { readonly ticker: Ticker; readonly paint: Paint; readonly most: number; readonly lines: (nowMs: number) => LiveLines },
): LiveBlock {
  let lasting: string[] = []
  let drawn = 0

  const shown = (): string[] => {
    const width = Math.max(20, (stream.columns || 80) - 1)
    const { active, last } = lines(ticker.nowMs())
    const more = active.length - most
    return [
      ...active.slice(0, most).map((line) => truncate(line, width)),
      ...(more > 0 ? [`… and ${more} more`] : []),
      ...(last === undefined ? [] : [truncate(last, width)]),
    ]
  }
  const draw = (live: readonly string[]) => {
    if (lasting.length === 0 && live.length === 0 && drawn === 0) return
    const erase = drawn > 0 ? `\x1b[${drawn}A\x1b[0J` : ''
    stream.write(redact(erase + [...lasting, ...live.map((line) => paint('dim', line))].map((line) => `${line}\n`).join('')))
    lasting = []
    drawn = live.length
  }
  const stop = ticker.every(INTERVAL_MS, () => draw(shown()))
  return {
    last: (line) => void lasting.push(line),
    close: () => {
      stop()
      draw([])
    },
  }
}
