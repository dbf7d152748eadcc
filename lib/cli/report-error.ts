import { InterruptedError, MillraceError } from '../core/errors.ts'
import { errorReport, errorText } from '../observe/error-report.ts'
import type { CommandResult } from './command.ts'

const RESUME = 'run the same command again: finished partitions are kept'

/**
 * What is printed of an error that ends a command, and the exit code: place and message, what to do, the causes; a bug (anything that is not ours) with its
 * stack. Redacted. One that `resumes` and was interrupted says how to go on.
 */
export function reportError(error: unknown, resumes = false): CommandResult {
  if (error instanceof AggregateError && error.errors.length > 0) return reportAll(error.errors, resumes)
  const report = errorReport(error)
  const full = resumes && error instanceof InterruptedError ? { ...report, hint: report.hint ?? RESUME } : report
  if (error instanceof MillraceError) return { text: errorText(full), json: { error: full }, exitCode: full.exitCode }
  return {
    text: [
      errorText(full),
      full.stack,
      '',
      'This is a bug in millrace, or in a library that it uses. Please report it with the lines above.',
    ]
      .filter((line) => line !== undefined)
      .join('\n'),
    json: { error: full },
    exitCode: full.exitCode,
  }
}

/** Several errors at once: each is told; the exit code is the first one's that is no repeat of "interrupted". */
function reportAll(errors: readonly unknown[], resumes: boolean): CommandResult {
  const results = errors.map((error) => reportError(error, resumes))
  const weighty = results.find(({ exitCode }) => exitCode !== 130) ?? results[0]
  return {
    text: results.map(({ text }) => text).join('\n'),
    json: { ...(weighty?.json as object), errors: results.map(({ json }) => (json as { readonly error: unknown }).error) },
    exitCode: weighty?.exitCode ?? 1,
  }
}
