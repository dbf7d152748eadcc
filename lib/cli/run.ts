import type { Stage } from '../core/errors.ts'
import { runSummary } from '../observe/summary.ts'
import { command } from './command.ts'

const STAGES: readonly Stage[] = ['extract', 'land', 'transform', 'check', 'load', 'export']

/** `millrace run`: brings a pipeline's due partitions, or the named ones, up to date. */
export const run = command({
  name: 'run',
  describe: 'bring what is due up to date: extract, land, transform, check, load, export',
  options: {
    pipeline: { type: 'string', positional: true, required: true, describe: 'the name of a folder in pipelines/' },
    partition: { type: 'string', value: 'name', describe: 'this partition only, also when it is done but stale' },
    from: { type: 'string', value: 'name', describe: 'partitions from this one on' },
    to: { type: 'string', value: 'name', describe: 'partitions before this one' },
    keepGoing: { type: 'boolean', describe: 'go on with the other partitions when one fails' },
    force: { type: 'boolean', describe: 'compute, load and export again from what has landed; of partitions those that are named' },
    refresh: { type: 'boolean', describe: 'read the sources again, also what has landed complete; of partitions those that are named' },
    only: { type: 'string', value: 'stage', choices: STAGES, describe: 'this stage alone, from inputs that are there' },
  },
  example: [
    'millrace run quakes --from 2018-02-01 --to 2018-02-05 --keep-going',
    'reprocess four days; one that fails does not stop the others',
  ],
  handler: async ({ pipeline, only, ...options }, { folder, profile, signal, color, events }) => {
    const [{ openProject }, { run: runPipeline }] = await Promise.all([import('../pipeline/project.ts'), import('../pipeline/run/run.ts')])
    const project = await openProject(folder, profile)
    const report = await runPipeline(project, pipeline, {
      ...options,
      ...(only !== undefined && { only: only as Stage }),
      signal,
      events: await events(),
    })
    return { text: runSummary(report, { color }), json: report, exitCode: report.exitCode }
  },
})
