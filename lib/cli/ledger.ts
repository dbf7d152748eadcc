import { formatMany } from '../observe/units.ts'
import { brokenPipelines } from './broken-pipelines.ts'
import { command } from './command.ts'

/** `millrace ledger rebuild`: makes the index of runs anew from the commit points. */
export const ledger = command({
  name: 'ledger',
  describe: 'rebuild the ledger, the index of runs and partitions, from the commit points',
  options: {
    action: { type: 'string', positional: true, required: true, choices: ['rebuild'], describe: 'what to do with it' },
  },
  example: ['millrace ledger rebuild', 'make the index anew after its file was deleted'],
  handler: async (_, { folder, profile, color }) => {
    const [{ openProject }, { rebuildLedger }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/state/ledger.ts'),
    ])
    const { broken, ...rebuilt } = await rebuildLedger(await openProject(folder, profile))
    const { lines, json, exitCode } = brokenPipelines(broken, color)
    const text = `ledger rebuilt: ${formatMany(rebuilt.runs, 'run')}, ${formatMany(rebuilt.partitions, 'partition')}`
    return { text: [text, ...lines].join('\n'), json: { ...rebuilt, ...json }, exitCode }
  },
})
