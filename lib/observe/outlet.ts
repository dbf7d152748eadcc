import { ConfigError } from '../core/errors.ts'
import { colorWanted, type TerminalStream } from './color.ts'
import { type EventSink, silent } from './events.ts'

/** What standard error shows of a run. */
export type LogMode = 'progress' | 'lines' | 'json' | 'off'

const MODES: readonly LogMode[] = ['progress', 'lines', 'json', 'off']

/** `MILLRACE_LOG`, else JSON where `--json` was given or there is no terminal, else live progress; plain lines where a terminal cannot move its cursor. */
export function logMode(stream: TerminalStream, json: boolean, environment: NodeJS.ProcessEnv = process.env): LogMode {
  const wanted = environment.MILLRACE_LOG
  if (wanted) {
    const mode = MODES.find((each) => each === wanted)
    if (!mode) throw new ConfigError(`unknown MILLRACE_LOG ${JSON.stringify(wanted)}; expected ${MODES.join(', ')}`)
    return mode === 'progress' && !stream.isTTY ? 'lines' : mode
  }
  if (json || !stream.isTTY) return 'json'
  return environment.TERM === 'dumb' ? 'lines' : 'progress'
}

/** What is shown of a run. */
export interface OutletOptions {
  /** A backfill: what is shown to people are its partitions, not each one's stages. */
  readonly partitions?: boolean
}

/** The sink of a mode, writing to `stream`. What a mode needs is imported only then. */
export async function outlet(
  mode: LogMode,
  stream: TerminalStream,
  environment: NodeJS.ProcessEnv = process.env,
  options: OutletOptions = {},
): Promise<EventSink> {
  const color = colorWanted(stream, environment)
  if (mode === 'json') return (await import('./log.ts')).jsonLog(stream)
  if (options.partitions && (mode === 'lines' || mode === 'progress')) {
    const { partitionLines, partitionProgress } = await import('./partition-progress.ts')
    return mode === 'lines' ? partitionLines(stream, { color }) : partitionProgress(stream, { color })
  }
  if (mode === 'lines') return (await import('./lines.ts')).plainLines(stream, { color })
  if (mode === 'progress') return (await import('./progress.ts')).liveProgress(stream, { color })
  return silent
}
