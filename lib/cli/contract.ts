import { ConfigError } from '../core/errors.ts'
import type { Project } from '../pipeline/project.ts'
import { brokenPipelines } from './broken-pipelines.ts'
import { type CommandContext, type CommandResult, command } from './command.ts'
import { checkedText, contractText, diffText, verifiedText } from './contract-text.ts'

/** `millrace contract`: what deliveries promise, and whether they go on to. */
export const contract = command({
  name: 'contract',
  describe: 'print contracts, check them and their changes, and hold them against what consumers expect',
  options: {
    action: {
      type: 'string',
      positional: true,
      required: true,
      choices: ['show', 'check', 'diff', 'verify'],
      describe: 'show it, check it against its dataset and the last delivery, say what differs, or verify what consumers expect',
    },
    pipeline: { type: 'string', positional: true, describe: 'the name of a folder in pipelines/; check and verify: absent, all' },
    path: { type: 'string', positional: true, describe: 'show and diff: one export alone, by its path' },
    against: {
      type: 'string',
      value: 'file',
      describe: "diff: against a contract's JSON form in this file; default what was delivered last",
    },
    expect: {
      type: 'string',
      value: 'file',
      repeats: true,
      describe: "verify: a consumer's expectations, or a folder of such files; may be given again; exit 3 when one breaks",
    },
  },
  example: [
    'millrace contract verify --expect consumers',
    'say in CI which consumer a change of a contract breaks, before anything is delivered',
  ],
  handler: async ({ action, pipeline, path, against, expect }, context) => {
    const unwanted = [
      ...(path !== undefined && action !== 'show' && action !== 'diff' ? [path] : []),
      ...(against !== undefined && action !== 'diff' ? ['--against'] : []),
      ...(expect !== undefined && action !== 'verify' ? ['--expect'] : []),
    ]
    if (unwanted.length > 0) throw new ConfigError(`contract ${action} takes no ${unwanted.join(' and ')}`, { hint: USAGE })
    if (action === 'check') return check(context, pipeline)
    if (action === 'verify') return verify(context, expect ?? [], pipeline)
    if (pipeline === undefined) throw new ConfigError(`contract ${action} needs a pipeline`, { hint: USAGE })
    return action === 'show' ? show(context, pipeline, path) : diff(context, pipeline, path, against)
  },
})

const USAGE =
  'millrace contract show <pipeline> [path], check [pipeline], diff <pipeline> [path] [--against <file>], verify [pipeline] --expect <file>'

async function open({ folder, profile }: CommandContext): Promise<Project> {
  const { openProject } = await import('../pipeline/project.ts')
  return openProject(folder, profile)
}

async function show(context: CommandContext, pipeline: string, path: string | undefined): Promise<CommandResult> {
  const [{ contractedExports }, { descriptorOf }] = await Promise.all([
    import('../pipeline/define/contracts.ts'),
    import('../export/contract/descriptor.ts'),
  ])
  const exports = await contractedExports(await open(context), pipeline, path)
  const [one, ...more] = exports.map((each) => descriptorOf(each.export))
  return {
    text: exports.map((each) => contractText(each, context.color)).join('\n\n') || `${pipeline} exports nothing`,
    json: one && more.length === 0 ? one : [...(one ? [one] : []), ...more],
    exitCode: 0,
  }
}

async function check(context: CommandContext, pipeline: string | undefined): Promise<CommandResult> {
  const { checkContracts } = await import('../pipeline/define/check-contracts.ts')
  const { pipelines, broken } = await checkContracts(await open(context), pipeline)
  const contracts = pipelines.flat()
  const { lines, json, exitCode } = brokenPipelines(broken, context.color)
  return {
    text: [...contracts.map((each) => checkedText(each, context.color)), ...lines].join('\n') || 'nothing is exported',
    json: { contracts, ...json },
    exitCode: contracts.some(({ refused }) => refused) ? 2 : exitCode,
  }
}

async function diff(
  context: CommandContext,
  pipeline: string,
  path: string | undefined,
  against: string | undefined,
): Promise<CommandResult> {
  const [{ diffDelivered, diffStated }, { resourcesAt }] = await Promise.all([
    import('../pipeline/define/diff-contracts.ts'),
    import('../export/contract/expectation-files.ts'),
  ])
  // Read first: a project makes its own folder the working folder.
  const stated = against === undefined ? undefined : { file: against, resources: await resourcesAt(against) }
  const project = await open(context)
  const exports = await (stated ? diffStated(project, pipeline, stated, path) : diffDelivered(project, pipeline, path))
  return {
    text: exports.map((each) => diffText(each, context.color)).join('\n\n') || `${pipeline} exports nothing`,
    json: { exports },
    exitCode: exports.some(({ refused }) => refused !== undefined) ? 2 : 0,
  }
}

async function verify(context: CommandContext, places: readonly string[], pipeline: string | undefined): Promise<CommandResult> {
  if (places.length === 0) throw new ConfigError('contract verify needs --expect', { hint: USAGE })
  const [{ verifyExpectations }, { expectationsAt }] = await Promise.all([
    import('../pipeline/define/verify-expectations.ts'),
    import('../export/contract/expectation-files.ts'),
  ])
  const expectations = await expectationsAt(places)
  const verified = await verifyExpectations(await open(context), expectations, pipeline)
  const { broken, ...found } = verified
  const { lines, json, exitCode } = brokenPipelines(broken, context.color)
  return {
    text: [verifiedText(verified, context.color), ...lines].join('\n'),
    json: { ...found, ...json },
    exitCode: found.consumers.some(({ holds, unknown }) => !holds && !unknown) ? 3 : exitCode,
  }
}
