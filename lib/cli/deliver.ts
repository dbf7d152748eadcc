import { resolve } from 'node:path'
import { ConfigError } from '../core/errors.ts'
import { formatBytes, formatCount } from '../observe/units.ts'
import type { WhichDeliveries } from '../pipeline/deliver/pointer-of.ts'
import type { Project } from '../pipeline/project.ts'
import { type CommandContext, type CommandResult, command, kebab } from './command.ts'
import { deliveryDiffText, heldText, historyText, switchedText } from './deliver-text.ts'

/** `millrace deliver`: what was delivered, and what a person decides about it. */
export const deliver = command({
  name: 'deliver',
  describe: 'list deliveries, compare them, go back to an earlier one, let a held one through',
  options: {
    action: {
      type: 'string',
      positional: true,
      required: true,
      choices: ['history', 'diff', 'accept', 'rollback', 'verify', 'prune'],
      describe:
        'list what was delivered, compare two, let through what is held or was rolled back, go back to an earlier one, verify what is current, or remove old ones',
    },
    pipeline: { type: 'string', positional: true, required: true, describe: 'the name of a folder in pipelines/' },
    name: { type: 'string', positional: true, describe: "an export's path as the pipeline has it, or a named delivery" },
    partition: { type: 'string', value: 'name', describe: 'the partition, of what is delivered partition by partition' },
    reason: { type: 'string', value: 'text', describe: 'accept and rollback: why; it is recorded' },
    from: { type: 'number', value: 'switch', describe: 'diff: the number of a switch, as history has it; default the one before --to' },
    to: {
      type: 'number',
      value: 'switch',
      describe: 'diff and rollback: the number of a switch; default of diff what is held, or current; of rollback the delivery before',
    },
    sample: {
      type: 'string',
      value: 'file',
      describe:
        'diff: write up to 1,000 rows that differ, as Parquet; of a named delivery a file for each of its exports and partitions, whose name says which',
    },
    keep: { type: 'number', value: 'count', describe: 'prune: how many deliveries stay, with the current one; default 5' },
    dryRun: { type: 'boolean', describe: 'prune: only say what would be removed' },
  },
  example: [
    "millrace deliver rollback rentals finance --reason 'store 2 is missing'",
    'lead readers back to the delivery before, at once; a run of the same input does not undo it',
  ],
  handler: async (options, context) => {
    const { action, pipeline, name, partition } = options
    const unwanted = (['reason', 'from', 'to', 'sample', 'keep', 'dryRun'] as const).filter(
      (option) => options[option] !== undefined && options[option] !== false && !TAKES[action]?.includes(option),
    )
    if (unwanted.length > 0)
      throw new ConfigError(`deliver ${action} takes no ${unwanted.map((option) => `--${kebab(option)}`).join(' and ')}`, { hint: USAGE })
    const which = { ...(name !== undefined && { name }), ...(partition !== undefined && { partition }) }
    if (action === 'history') return history(context, pipeline, which)
    if (action === 'verify') return verify(context, pipeline, which)
    if (action === 'prune') return prune(context, pipeline, { ...which, keep: options.keep ?? 5, dryRun: options.dryRun })
    if (name === undefined)
      throw new ConfigError(`deliver ${action} needs the path of an export, or the name of a delivery`, { hint: USAGE })
    const one = { ...which, name, pipeline, signal: context.signal }
    if (action === 'diff') {
      const { from, to, sample } = options
      const choice = {
        ...(from !== undefined && { from }),
        ...(to !== undefined && { to }),
        ...(sample !== undefined && { sample: resolve(sample) }),
      }
      const { deliveryDiff } = await import('../pipeline/deliver/delivery-diff.ts')
      const diff = await deliveryDiff(await open(context), one, choice)
      return { text: deliveryDiffText(diff, context.color), json: diff, exitCode: 0 }
    }
    const reason = options.reason?.trim() ?? ''
    if (reason === '') throw new ConfigError(`deliver ${action} needs --reason: it is recorded for whoever asks later`, { hint: USAGE })
    const { acceptHeld, rollback } = await import('../pipeline/deliver/deliver.ts')
    const project = await open(context)
    const done =
      action === 'accept'
        ? await acceptHeld(project, one, reason)
        : await rollback(project, one, { reason, ...(options.to !== undefined && { to: options.to }) })
    return { text: switchedText(done), json: done, exitCode: done.notices?.some(({ error }) => error !== undefined) ? 75 : 0 }
  },
})

/** Which options each action takes besides those of all. */
const TAKES: Readonly<Record<string, readonly string[]>> = {
  history: [],
  diff: ['from', 'to', 'sample'],
  accept: ['reason'],
  rollback: ['reason', 'to'],
  verify: [],
  prune: ['keep', 'dryRun'],
}

const USAGE =
  "millrace deliver history | verify | prune <pipeline> [<name>] [--partition <name>], diff <pipeline> <name> [--from <switch>] [--to <switch>], accept <pipeline> <name> --reason '…', rollback <pipeline> <name> [--to <switch>] --reason '…'"

async function open({ folder, profile }: CommandContext): Promise<Project> {
  const { openProject } = await import('../pipeline/project.ts')
  return openProject(folder, profile)
}

async function history(
  context: CommandContext,
  pipeline: string,
  which: { readonly name?: string; readonly partition?: string },
): Promise<CommandResult> {
  const { deliveryHistory } = await import('../pipeline/deliver/delivery-history.ts')
  const deliveries = await deliveryHistory(await open(context), pipeline, which, context.signal)
  return {
    text: deliveries.map((each) => historyText(each, context.color)).join('\n\n') || 'nothing is delivered yet',
    json: { pipeline, deliveries },
    exitCode: 0,
  }
}

async function verify(context: CommandContext, pipeline: string, which: WhichDeliveries): Promise<CommandResult> {
  const { verifyDelivered } = await import('../pipeline/deliver/keep-deliveries.ts')
  const deliveries = await verifyDelivered(await open(context), pipeline, which, context.signal)
  const lines = deliveries.flatMap(({ folder, files, faults }) =>
    faults.length === 0
      ? [`${folder}: as delivered; ${heldText(files)}`]
      : [`${folder}: not as delivered`, ...faults.map((fault) => `  ${fault}`)],
  )
  return {
    text: lines.join('\n') || 'nothing is delivered yet',
    json: { pipeline, deliveries },
    exitCode: deliveries.some(({ faults }) => faults.length > 0) ? 3 : 0,
  }
}

async function prune(
  context: CommandContext,
  pipeline: string,
  options: WhichDeliveries & { readonly keep: number; readonly dryRun: boolean },
): Promise<CommandResult> {
  if (!Number.isInteger(options.keep) || options.keep < 1)
    throw new ConfigError(`--keep is ${options.keep}; expected a whole number from 1 on`)
  const { pruneDelivered } = await import('../pipeline/deliver/keep-deliveries.ts')
  const report = await pruneDelivered(await open(context), pipeline, { ...options, signal: context.signal })
  const bytes = report.removed.reduce((sum, each) => sum + each.bytes, 0)
  const head = `${pipeline}: ${options.dryRun ? 'would remove' : 'removed'} ${formatCount(report.removed.length)} (${formatBytes(bytes)}), kept ${formatCount(report.kept)}`
  return { text: [head, ...report.removed.map(({ key }) => `  ${key}`)].join('\n'), json: report, exitCode: 0 }
}
