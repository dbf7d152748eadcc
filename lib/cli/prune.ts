import { table } from '../observe/table.ts'
import { formatBytes, formatCount } from '../observe/units.ts'
import { brokenPipelines } from './broken-pipelines.ts'
import { command } from './command.ts'

/** `millrace prune`: removes what no token, delivery or recent run names. */
export const prune = command({
  name: 'prune',
  describe: 'remove landed loads, deliveries and records that nothing names any more',
  options: {
    pipeline: { type: 'string', positional: true, describe: 'one pipeline; absent: all' },
    dryRun: { type: 'boolean', describe: 'only say what would be removed' },
  },
  example: ['millrace prune quakes --dry-run', 'see what could be removed, and how many bytes that frees'],
  handler: async ({ pipeline, dryRun }, { folder, profile, signal, color }) => {
    const [{ openProject }, { prune: pruneProject }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/tidy/prune.ts'),
    ])
    const { pipelines: reports, broken } = await pruneProject(await openProject(folder, profile), {
      ...(pipeline !== undefined && { pipeline }),
      dryRun,
      signal,
    })
    const blocks = reports.map(({ pipeline: name, kept, removed }) => {
      const bytes = removed.reduce((sum, each) => sum + each.bytes, 0)
      const head = `${name}: ${dryRun ? 'would remove' : 'removed'} ${formatCount(removed.length)} (${formatBytes(bytes)}), kept ${formatCount(kept)}`
      if (removed.length === 0) return head
      const rows = removed.map((each) => [each.what, each.key, formatBytes(each.bytes)])
      return `${head}\n${table([{ name: 'what' }, { name: 'key' }, { name: 'bytes', align: 'right' }], rows, { maxCell: 120, indent: '  ' })}`
    })
    const { lines, json, exitCode } = brokenPipelines(broken, color)
    return { text: [...blocks, ...lines].join('\n\n') || 'nothing to prune', json: { pipelines: reports, ...json }, exitCode }
  },
})
