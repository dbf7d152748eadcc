import { dirname } from 'node:path'
import { findConfig } from '../config/load.ts'
import { columnsOf } from '../observe/table.ts'
import { command } from './command.ts'

/** `millrace list`: the pipelines of a project. */
export const list = command({
  name: 'list',
  describe: 'list the pipelines of the project, each with its schedule and what it is for',
  options: {},
  example: ['millrace list', 'see which pipelines there are'],
  handler: async (_, { folder }) => {
    const [{ loadPipeline, pipelineNames, pipelineSummary }, { scheduleOf }] = await Promise.all([
      import('../pipeline/define/load-definition.ts'),
      import('../pipeline/define/schedule.ts'),
    ])
    const file = findConfig(folder)
    const project = file === undefined ? folder : dirname(file)
    const names = await pipelineNames(project)
    const pipelines = await Promise.all(
      names.map(async (name) => {
        // What is wrong with a pipeline is for plan to say.
        const schedule = await loadPipeline(project, name)
          .then(({ definition }) => scheduleOf(definition))
          .catch(() => undefined)
        const { cron, zone } = schedule ?? {}
        return { name, summary: await pipelineSummary(project, name), ...(schedule && { schedule: { cron, zone } }) }
      }),
    )
    const rows = pipelines.map(({ name, summary, schedule }) => [
      name,
      ...(schedule ? [`${schedule.cron} (${schedule.zone})`] : ['']),
      summary,
    ])
    const scheduled = pipelines.some(({ schedule }) => schedule)
    return {
      text:
        names.length > 0
          ? columnsOf(scheduled ? rows : pipelines.map(({ name, summary }) => [name, summary]))
          : 'no pipelines yet; millrace init <name> makes one',
      json: { pipelines },
      exitCode: 0,
    }
  },
})
