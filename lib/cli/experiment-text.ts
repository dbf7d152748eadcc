import { datasetColumns, table } from '../observe/table.ts'
import { formatCount, formatRows } from '../observe/units.ts'
import type { ExperimentReport } from '../pipeline/experiment/run-experiment.ts'

/** An experiment's text: each cell as a table in a stated order, then the verdicts of its checks. No time, path or other thing that differs from run to run. */
export function experimentText({ name, inputs, cells, checks }: ExperimentReport): string {
  const blocks = [
    [`experiment ${name}`, ...inputs.map((each) => `  ${each.name}: ${formatRows(each.rows)} from ${each.from}`)].join('\n'),
    ...cells.map((cell) => {
      const rows = cell.rows > cell.sample.length ? `${formatCount(cell.sample.length)} of ${formatRows(cell.rows)}` : formatRows(cell.rows)
      const order = cell.rows > 1 ? `, by ${cell.orderedBy.join(', ')}` : ''
      return `${cell.name} (${cell.engine}): ${rows}${order}\n${table(datasetColumns(cell.columns), cell.sample, { indent: '  ' })}`
    }),
    checks
      .map(({ dataset, rule, severity, passed, message }) =>
        passed ? `ok    ${dataset}: ${rule}` : `${severity === 'warn' ? 'warn ' : 'FAIL '} ${dataset}: ${message ?? rule}`,
      )
      .join('\n'),
  ]
  return blocks.filter((each) => each !== '').join('\n\n')
}
