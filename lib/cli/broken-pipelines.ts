import { painter } from '../observe/color.ts'
import { errorText } from '../observe/error-report.ts'
import type { BrokenPipeline } from '../pipeline/report.ts'

/** How a command that looked at all pipelines ends where some cannot be read: with a line for each, its fields of `--json`, and the exit code of a mistake in code. */
export function brokenPipelines(broken: readonly BrokenPipeline[], color: boolean) {
  const paint = painter(color)
  return {
    lines: broken.map(
      ({ pipeline, error }) =>
        `${paint('bold', pipeline)}: ${paint('red', 'cannot be read')}\n  ${errorText(error).replaceAll('\n', '\n  ')}`,
    ),
    json: broken.length > 0 ? { broken } : {},
    exitCode: broken.length > 0 ? 2 : 0,
  }
}
