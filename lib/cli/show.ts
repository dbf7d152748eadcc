import { ConfigError } from '../core/errors.ts'
import { datasetColumns, table } from '../observe/table.ts'
import { formatBytes, formatCount, formatMany, formatRows } from '../observe/units.ts'
import { command } from './command.ts'

/** `millrace show`: a dataset's schema, counts and first rows. */
export const show = command({
  name: 'show',
  describe: "print a dataset's columns, counts and first rows",
  options: {
    pipeline: { type: 'string', positional: true, required: true, describe: 'the name of a folder in pipelines/' },
    dataset: { type: 'string', positional: true, required: true, describe: 'a dataset of its extract or transform' },
    partition: { type: 'string', value: 'name', describe: 'of this partition; default the newest' },
    rows: { type: 'number', value: 'count', describe: 'how many rows; default 20' },
  },
  example: ['millrace show quakes quake --rows 5', 'look at what has landed'],
  handler: async ({ pipeline, dataset, partition, rows = 20 }, { folder, profile, signal }) => {
    if (!Number.isInteger(rows) || rows < 0 || rows > 10_000)
      throw new ConfigError(`--rows is ${rows}; expected a whole number up to 10,000`)
    const [{ openProject }, { show: showDataset }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/look/show.ts'),
    ])
    const found = await showDataset(await openProject(folder, profile), pipeline, dataset, {
      ...(partition !== undefined && { partition }),
      rows,
      signal,
    })
    const { undecoded } = found
    const files = formatMany(found.files, 'file')
    const head = `${found.pipeline} ${found.dataset}${found.partition ? ` ${found.partition}` : ''}: ${formatRows(found.rows)}, ${files}, ${formatBytes(found.bytes)}`
    if (undecoded) {
      const rows = Object.entries(found.columns).map(([name, type]) => [name, type, undecoded.columns[name] ?? null])
      const there = `landed undecoded, as ${undecoded.format}, ${formatBytes(undecoded.bytes)} unpacked: nothing reads it but the load into its table in the warehouse, ${undecoded.tables.join(', ')}`
      const columns = table([{ name: 'column' }, { name: 'type' }, { name: 'in the source' }], rows)
      return { text: `${head}\n\n${columns}\n\n${there}`, json: found, exitCode: 0 }
    }
    const more = found.rows > found.sample.length && rows > 0 ? `\n${formatCount(found.sample.length)} of ${formatRows(found.rows)}` : ''
    return { text: `${head}\n\n${table(datasetColumns(found.columns), found.sample)}${more}`, json: found, exitCode: 0 }
  },
})
