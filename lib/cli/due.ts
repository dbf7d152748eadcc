import { brokenPipelines } from './broken-pipelines.ts'
import { command } from './command.ts'

/** `millrace due`: which pipelines are due by their schedules. */
export const due = command({
  name: 'due',
  describe: 'say which pipelines are due by their schedules, and when the next time comes',
  options: {
    pipeline: { type: 'string', positional: true, describe: 'one pipeline; absent: all that have a schedule' },
  },
  example: ['millrace due', 'see what millrace run --due would run now'],
  handler: async ({ pipeline }, { folder, profile, color }) => {
    const [{ openProject }, { due: whatIsDue }, { dueText }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/schedule/due.ts'),
      import('./due-text.ts'),
    ])
    const { pipelines, broken } = await whatIsDue(await openProject(folder, profile), pipeline)
    const { lines, json, exitCode } = brokenPipelines(broken, color)
    return {
      text: [...(pipelines.length > 0 || broken.length === 0 ? [dueText(pipelines, color)] : []), ...lines].join('\n\n'),
      json: { pipelines, ...json },
      exitCode,
    }
  },
})
