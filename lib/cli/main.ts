import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { isErrno } from '../core/disk.ts'
import { ConfigError, MillraceError } from '../core/errors.ts'
import { redact, redactJson } from '../core/secret.ts'
import { millraceVersion } from '../core/version.ts'
import { colorWanted, type TerminalStream } from '../observe/color.ts'
import type { EventSink } from '../observe/events.ts'
import { logMode, outlet } from '../observe/outlet.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { parse } from './parse.ts'
import type { Parsed } from './parsed.ts'
import { reportError } from './report-error.ts'
import { abortOnSignals, type SignalSource, type Stopping } from './signals.ts'

/** What the command line has of the outside. */
export interface Terminal {
  readonly stdout: TerminalStream
  readonly stderr: TerminalStream
  readonly environment: NodeJS.ProcessEnv
  readonly folder: string
  readonly signals: SignalSource
}

/**
 * Runs one command line (without node and script) and gives the exit code. The only place that prints: results to standard output, with `--json` exactly one JSON document there,
 * also for an error; events and errors to standard error.
 */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { stdout, stderr } = terminal
  if (argv.length === 1 && argv[0] === '--version') {
    stdout.write(`${millraceVersion}\n`)
    return 0
  }
  const json = argv.includes('--json')
  const fail = (error: unknown, resumes = false): number => {
    const result = reportError(error, resumes)
    if (json) stdout.write(`${JSON.stringify(result.json, null, 2)}\n`)
    else stderr.write(`${result.text}\n`)
    return result.exitCode
  }
  let parsed: Parsed
  try {
    parsed = await parse(argv, Math.min(stdout.columns || 100, 120))
  } catch (error) {
    return fail(error)
  }
  if ('print' in parsed) {
    stdout.write(`${parsed.print}\n`)
    return 0
  }
  const stopping = abortOnSignals(terminal.signals, (line) => void stderr.write(`${line}\n`), parsed.command.drains === true)
  const { signal, dispose } = stopping
  const open: EventSink[] = []
  const close = () => {
    for (const sink of open.splice(0)) sink.close()
  }
  try {
    const result = await parsed.command.handler(parsed.options, contextOf(parsed, terminal, stopping, open))
    close()
    print(result, parsed.json, stdout)
    return result.exitCode
  } catch (error) {
    close()
    // What an abort makes a library throw is not the reason that a person wants to read.
    return fail(signal.aborted && !(error instanceof MillraceError) ? signal.reason : error, parsed.command.resumes)
  } finally {
    dispose()
  }
}

function contextOf(
  { json, profile, project }: Exclude<Parsed, { readonly print: string }>,
  { stdout, stderr, environment, folder }: Terminal,
  { signal, drain }: Stopping,
  open: EventSink[],
): CommandContext {
  const from = resolve(folder, project ?? '.')
  if (project !== undefined && !statSync(from, { throwIfNoEntry: false })?.isDirectory())
    throw new ConfigError(`--project ${project}: there is no such folder`)
  return {
    folder: from,
    ...(profile !== undefined && { profile }),
    signal,
    drain,
    color: colorWanted(stdout, environment),
    width: stdout.columns || 100,
    terminalWidth: stdout.columns || undefined,
    events: async (options) => {
      const sink = await outlet(logMode(stderr, json, environment), stderr, environment, options)
      open.push(sink)
      return sink
    },
  }
}

function print({ text, json }: CommandResult, asJson: boolean, stdout: TerminalStream): void {
  if (asJson) stdout.write(`${JSON.stringify(redactJson(json), null, 2)}\n`)
  else if (text !== '') stdout.write(redact(text.endsWith('\n') ? text : `${text}\n`))
}

/** Makes a closed pipe (`millrace show … | head`) end quietly instead of as an uncaught error; any other fault of the stream stays one. */
export function quietOnClosedPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error) => {
    if (!isErrno(error, 'EPIPE')) throw error
  })
}
