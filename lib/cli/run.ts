import { ConfigError, type Stage } from '../core/errors.ts'
import { runSummary } from '../observe/summary.ts'
import type { Project } from '../pipeline/project.ts'
import type { RunOptions } from '../pipeline/run/run.ts'
import { type CommandContext, type CommandResult, command } from './command.ts'
import { givenLimits, LIMITS } from './limits.ts'

const STAGES: readonly Stage[] = ['extract', 'land', 'transform', 'check', 'load', 'export']

const USAGE = 'usage: millrace run <pipeline>, or millrace run --due; millrace run --help'

/** `millrace run`: brings a pipeline's due partitions, or the named ones, up to date; with `--due` the pipelines whose time has come. */
export const run = command({
  name: 'run',
  describe: 'bring what is due up to date: extract, land, transform, check, load, export',
  options: {
    pipeline: { type: 'string', positional: true, describe: 'the name of a folder in pipelines/; absent with --due: all that are due' },
    due: { type: 'boolean', describe: 'what is due by its schedule and has not run since' },
    partition: { type: 'string', value: 'name', describe: 'this partition only, also when it is done but stale' },
    from: { type: 'string', value: 'name', describe: 'partitions from this one on' },
    to: { type: 'string', value: 'name', describe: 'partitions before this one' },
    stale: { type: 'boolean', describe: 'those that are made of what has changed since, as plan --stale names them' },
    keepGoing: { type: 'boolean', describe: 'go on with the other partitions when one fails' },
    force: { type: 'boolean', describe: 'compute, load and export again from what has landed; of partitions those that are named' },
    refresh: { type: 'boolean', describe: 'read the sources again, also what has landed complete; of partitions those that are named' },
    only: { type: 'string', value: 'stage', choices: STAGES, describe: 'this stage alone, from inputs that are there' },
    ...LIMITS,
  },
  resumes: true,
  example: [
    'millrace run quakes --from 2018-02-01 --to 2018-02-05 --keep-going',
    'reprocess four days; one that fails does not stop the others',
  ],
  handler: async ({ pipeline, due, memory, threads, ...options }, context) => {
    const { openProject } = await import('../pipeline/project.ts')
    const open = () => openProject(context.folder, context.profile, givenLimits({ memory, threads }))
    return due ? runDue(pipeline, open, options, context) : runOne(pipeline, open, options, context)
  },
})

type RunValues = Omit<RunOptions, 'only' | 'events' | 'signal'> & { readonly only?: string }

async function runOne(
  pipeline: string | undefined,
  open: () => Promise<Project>,
  { only, ...options }: RunValues,
  { signal, color, terminalWidth: width, events }: CommandContext,
): Promise<CommandResult> {
  if (pipeline === undefined) throw new ConfigError('run is missing an argument', { hint: USAGE })
  const { readerAhead } = await import('../pipeline/run/reader-ahead.ts')
  const project = await open()
  await readerAhead(project, pipeline, only as Stage | undefined)
  const { run: runPipeline } = await import('../pipeline/run/run.ts')
  const report = await runPipeline(project, pipeline, {
    ...options,
    ...(only !== undefined && { only: only as Stage }),
    signal,
    events: await events(),
  })
  return { text: runSummary(report, { color, width }), json: report, exitCode: report.exitCode }
}

async function runDue(
  pipeline: string | undefined,
  open: () => Promise<Project>,
  { keepGoing, ...others }: RunValues,
  { signal, color, events }: CommandContext,
): Promise<CommandResult> {
  const other = Object.entries(others).find(([, value]) => value !== undefined && value !== false)
  if (other) throw new ConfigError(`--due and --${other[0]} exclude each other: a schedule is about whole runs`)
  const [{ runDue: runWhatIsDue }, { dueRunsText }] = await Promise.all([
    import('../pipeline/schedule/run-due.ts'),
    import('./due-text.ts'),
  ])
  const done = await runWhatIsDue(await open(), pipeline, {
    ...(keepGoing !== undefined && { keepGoing }),
    signal,
    events: await events(),
  })
  return { text: dueRunsText(done, color), json: done, exitCode: done.exitCode }
}
