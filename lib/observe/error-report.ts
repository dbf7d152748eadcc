import { MillraceError, messageOf } from '../core/errors.ts'
import { redact, redactJson } from '../core/secret.ts'
import type { ErrorReport } from './report.ts'

/** An error as reports and records hold it: redacted, the causes' messages appended where they add something, the stack only of a bug. */
export function errorReport(error: unknown): ErrorReport {
  const ours = error instanceof MillraceError ? error : undefined
  return redactJson({
    kind: ours?.name ?? (error instanceof Error ? error.name : 'Error'),
    message: withCauses(error),
    ...(ours?.hint !== undefined && { hint: ours.hint }),
    exitCode: ours?.exitCode ?? 1,
    ...ours?.place,
    ...(!ours && error instanceof Error && error.stack !== undefined && { stack: error.stack }),
  })
}

/** `error: quakes land quake partition 2018-02-04: message` and a hint line, for people; of an export with its path. Redacted. */
export function errorText(report: ErrorReport): string {
  const { pipeline, stage, dataset, table, partition, column, row, file, message } = report
  // A dataset may have any number of exports.
  const path = stage === 'export' && dataset !== undefined && table !== undefined && !message.includes(table) ? table : undefined
  const place = [pipeline, stage, dataset ?? table, path, partition && `partition ${partition}`].filter(Boolean).join(' ')
  const [first, ...more] = message.split('\n')
  const details = [
    ...(column === undefined || message.includes(`"${column}"`) || message.includes(`column ${column}`) ? [] : [`column "${column}"`]),
    ...(row === undefined || message.includes(`row ${row}`) ? [] : [`row ${row}`]),
    ...(file === undefined || message.includes(file) ? [] : [`file ${file}`]),
  ].join(', ')
  const lines = [
    `error: ${place ? `${place}: ` : ''}${first}${details ? ` (${details})` : ''}`,
    ...more.map((line) => `  ${line}`),
    ...(report.hint === undefined ? [] : [`  hint: ${report.hint}`]),
  ]
  return redact(lines.join('\n'))
}

/** What an engine says of data or files: whoever wrapped it has quoted of it, or said better, what a person needs. Its own faults are told whole. */
const ENGINE_WORDS = /^(?!INTERNAL |FATAL )[A-Z][A-Za-z ]* Error: /

/** The message, then those of its causes that it does not quote already. */
function withCauses(error: unknown): string {
  let message = messageOf(error)
  for (let cause = causeOf(error), depth = 0; cause !== undefined && depth < 5; cause = causeOf(cause), depth++) {
    const text = firstLine(messageOf(cause))
    const told = message.includes(text) || (cause instanceof Error && 'code' in cause && message.includes(`(${cause.code})`))
    if (!told && !ENGINE_WORDS.test(text)) message += `: ${text}`
  }
  return message
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? (error.cause ?? undefined) : undefined
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.trim() ?? ''
}
