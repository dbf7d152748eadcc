import { command } from './command.ts'
import { givenLimits, LIMITS } from './limits.ts'

/** `millrace exp run`: prints an experiment's cells and the verdicts of its checks. */
export const exp = command({
  name: 'exp',
  describe: 'run an experiment and print its cells and the verdicts of its checks',
  options: {
    action: { type: 'string', positional: true, required: true, choices: ['run'], describe: 'what to do with it' },
    name: { type: 'string', positional: true, describe: 'experiments/<name>.exp.ts; absent: lists them' },
    ...LIMITS,
  },
  example: ['millrace exp run late-evenings', 'try an idea on fixture data; the text is the same every time'],
  handler: async ({ name, memory, threads }, { folder, profile, signal }) => {
    const [{ openProject }, { experimentNames, runExperiment }, { experimentText }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/experiment/run-experiment.ts'),
      import('./experiment-text.ts'),
    ])
    const project = await openProject(folder, profile, givenLimits({ memory, threads }))
    if (name === undefined) {
      const experiments = await experimentNames(project.config.folder)
      return {
        text: experiments.join('\n') || 'no experiments yet: they are files experiments/<name>.exp.ts',
        json: { experiments },
        exitCode: 0,
      }
    }
    const report = await runExperiment(project, name, { signal })
    return { text: experimentText(report), json: report, exitCode: report.exitCode }
  },
})
