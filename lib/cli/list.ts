import { dirname } from 'node:path'
import { findConfig } from '../config/load.ts'
import { columnsOf } from '../observe/table.ts'
import { command } from './command.ts'

/** `millrace list`: the pipelines of a project. */
export const list = command({
  name: 'list',
  describe: 'list the pipelines of the project, each with what it is for',
  options: {},
  example: ['millrace list', 'see which pipelines there are'],
  handler: async (_, { folder }) => {
    const { pipelineNames, pipelineSummary } = await import('../pipeline/define/load-definition.ts')
    const file = findConfig(folder)
    const project = file === undefined ? folder : dirname(file)
    const names = await pipelineNames(project)
    const pipelines = await Promise.all(names.map(async (name) => ({ name, summary: await pipelineSummary(project, name) })))
    return {
      text:
        names.length > 0
          ? columnsOf(pipelines.map(({ name, summary }) => [name, summary]))
          : 'no pipelines yet; millrace init <name> makes one',
      json: { pipelines },
      exitCode: 0,
    }
  },
})
