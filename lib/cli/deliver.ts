import { ConfigError } from '../core/errors.ts'
import type { Project } from '../pipeline/project.ts'
import { type CommandContext, type CommandResult, command } from './command.ts'
import { historyText, switchedText } from './deliver-text.ts'

/** `millrace deliver`: what was delivered, and what a person decides about it. */
export const deliver = command({
  name: 'deliver',
  describe: 'list deliveries, go back to an earlier one, let a held one through',
  options: {
    action: {
      type: 'string',
      positional: true,
      required: true,
      choices: ['history', 'accept', 'rollback'],
      describe: 'list what was delivered, let through what is held or was rolled back, or go back to an earlier delivery',
    },
    pipeline: { type: 'string', positional: true, required: true, describe: 'the name of a folder in pipelines/' },
    name: { type: 'string', positional: true, describe: "an export's path as the pipeline has it, or a named delivery" },
    partition: { type: 'string', value: 'name', describe: 'the partition, of what is delivered partition by partition' },
    reason: { type: 'string', value: 'text', describe: 'accept and rollback: why; it is recorded' },
    to: { type: 'number', value: 'switch', describe: 'rollback: the number of a switch, as history has it; default the delivery before' },
  },
  example: [
    "millrace deliver rollback rentals 'rentals/revenue/{partition}.csv' --partition 2005-05 --reason 'store 2 is missing'",
    'lead readers back to the delivery before, at once; a run of the same input does not undo it',
  ],
  handler: async (options, context) => {
    const { action, pipeline, name, partition } = options
    const unwanted = (['reason', 'to'] as const).filter((option) => options[option] !== undefined && !TAKES[action]?.includes(option))
    if (unwanted.length > 0)
      throw new ConfigError(`deliver ${action} takes no ${unwanted.map((option) => `--${option}`).join(' and ')}`, { hint: USAGE })
    const which = { ...(name !== undefined && { name }), ...(partition !== undefined && { partition }) }
    if (action === 'history') return history(context, pipeline, which)
    if (name === undefined)
      throw new ConfigError(`deliver ${action} needs the path of an export, or the name of a delivery`, { hint: USAGE })
    const reason = options.reason?.trim() ?? ''
    if (reason === '') throw new ConfigError(`deliver ${action} needs --reason: it is recorded for whoever asks later`, { hint: USAGE })
    const one = { ...which, name, pipeline, signal: context.signal }
    const { acceptHeld, rollback } = await import('../pipeline/deliver.ts')
    const project = await open(context)
    const done =
      action === 'accept'
        ? await acceptHeld(project, one, reason)
        : await rollback(project, one, { reason, ...(options.to !== undefined && { to: options.to }) })
    return { text: switchedText(done), json: done, exitCode: 0 }
  },
})

/** Which options each action takes besides those of all. */
const TAKES: Readonly<Record<string, readonly string[]>> = { history: [], accept: ['reason'], rollback: ['reason', 'to'] }

const USAGE =
  "millrace deliver history <pipeline> [<name>] [--partition <name>], accept <pipeline> <name> --reason '…', rollback <pipeline> <name> [--to <switch>] --reason '…'"

async function open({ folder, profile }: CommandContext): Promise<Project> {
  const { openProject } = await import('../pipeline/project.ts')
  return openProject(folder, profile)
}

async function history(
  context: CommandContext,
  pipeline: string,
  which: { readonly name?: string; readonly partition?: string },
): Promise<CommandResult> {
  const { deliveryHistory } = await import('../pipeline/delivery-history.ts')
  const deliveries = await deliveryHistory(await open(context), pipeline, which, context.signal)
  return {
    text: deliveries.map((each) => historyText(each, context.color)).join('\n\n') || 'nothing is delivered yet',
    json: { pipeline, deliveries },
    exitCode: 0,
  }
}
