import { ConfigError } from '../core/errors.ts'
import { painter } from '../observe/color.ts'
import { forecastError, forecastText } from '../observe/forecast.ts'
import { staleText } from '../observe/stale.ts'
import { columnsOf } from '../observe/table.ts'
import { formatCount, formatDuration } from '../observe/units.ts'
import { truncate } from '../observe/width.ts'
import type { PlannedDataset, PlanReport } from '../pipeline/report.ts'
import { command } from './command.ts'
import { scheduleText } from './schedule-text.ts'

/** `millrace plan`: binds a pipeline on zero rows and says what a run would do. */
export const plan = command({
  name: 'plan',
  describe: 'check a pipeline on zero rows and say what a run would read, compute and write',
  options: {
    pipeline: { type: 'string', positional: true, required: true, describe: 'the name of a folder in pipelines/' },
    discover: { type: 'boolean', describe: "ask the sources for their columns and write them to the pipeline's schema.ts" },
    stale: { type: 'boolean', describe: 'say instead what changed since the partitions were made, and what follows from it' },
    frozen: { type: 'boolean', describe: 'write nothing; fail when schema.ts is out of date (for CI)' },
  },
  example: ['millrace plan quakes', 'find every wrong name and type before anything is read'],
  handler: async ({ pipeline, stale, discover, frozen }, { folder, profile, signal, color }) => {
    if (stale && (discover || frozen)) throw new ConfigError(`--stale and --${discover ? 'discover' : 'frozen'} exclude each other`)
    if (stale) {
      const [{ openProject }, { stalePlan }, { stalePlanText }] = await Promise.all([
        import('../pipeline/project.ts'),
        import('../pipeline/state/stale-plan.ts'),
        import('./stale-text.ts'),
      ])
      const report = await stalePlan(await openProject(folder, profile), pipeline, { signal })
      return { text: stalePlanText(report, color), json: report, exitCode: 0 }
    }
    const [{ openProject }, { plan: makePlan }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/define/plan.ts'),
    ])
    const report = await makePlan(await openProject(folder, profile), pipeline, { discover, frozen, signal })
    return { text: planText(report, color), json: report, exitCode: 0 }
  },
})

/** A plan for people: what is read, each step with its engine and columns, what is written, what is up to date. */
export function planText(report: PlanReport, color: boolean): string {
  const paint = painter(color)
  const { datasets, targets, partitions, warnings, schemaChanges } = report
  const { done, due, open, failed, held, stale } = partitions
  const blocks = [
    `${paint('bold', report.pipeline)} (${report.profile}): ${paint('green', 'the plan holds')} (${formatDuration(report.ms)})`,
    block(
      'reads',
      columnsOf(
        datasets
          .filter(({ engine }) => engine === 'source')
          .map((each) => [each.name, fromText(each), each.note, columnCount(each.columns)]),
        [],
        '  ',
      ),
    ),
    block(
      'computes',
      datasets
        .filter(({ engine }) => engine !== 'source')
        .map(
          ({ name, engine, reads, columns, note }) =>
            `${columnsOf([[name, engine, `from ${reads.join(', ') || 'nothing'}`, ...(note ? [note] : [])]], [], '  ')}\n${columnsOf(Object.entries(columns), [], '    ')}`,
        )
        .join('\n'),
    ),
    block(
      'writes',
      columnsOf(
        targets.map(({ dataset, stage, target, how }) => [stage, dataset, `→ ${target}`, how]),
        [],
        '  ',
      ),
    ),
    report.schedule ? scheduleText(report.schedule) : '',
    [
      partitionsText({ done, due, open, failed, held }),
      ...forecastLines(report),
      ...heldNote(report),
      ...(stale ? [paint('yellow', staleText(stale))] : []),
    ].join('\n'),
    block(report.schemaFile, schemaChanges.map((line) => `  ${line}`).join('\n')),
    warnings.map((warning) => `${paint('yellow', 'warning')}: ${warning}`).join('\n'),
  ]
  return blocks.filter((each) => each !== '').join('\n\n')
}

const block = (title: string, body: string) => (body === '' ? '' : `${title}\n${body}`)
const fromText = ({ reads, request }: PlannedDataset) => truncate(`from ${[...reads, request].filter(Boolean).join(' ')}`, 60)
const columnCount = (columns: object) => `${Object.keys(columns).length} columns`

/** What a run will take, and how wrong the forecast of the last backfill was. */
function forecastLines({ forecast, lastForecast }: PlanReport): string[] {
  if (!forecast) return []
  const error = lastForecast && forecastError(lastForecast)
  return [
    `forecast of a run: ${forecastText(forecast)}`,
    ...(lastForecast && error !== undefined ? [`forecast of the last backfill: ${forecastText(lastForecast)}: ${error}`] : []),
  ]
}

function partitionsText({ done, due, open, failed, held }: PlanReport['partitions']): string {
  if (done + due.length + open.length + failed.length + held.length === 0) return ''
  const parts = [`${formatCount(done)} done`, named('due', due), named('open', open), named('failed', failed), named('held', held)]
  return `partitions, as last seen: ${parts.filter(Boolean).join('; ')}`
}

/** Readers keep the last delivery of what a gate holds, until a person decides. */
function heldNote({ pipeline, held, partitions }: PlanReport): readonly string[] {
  if (held.length + partitions.held.length === 0) return []
  const what = held.length === 0 ? 'what is held waits' : `held, as last seen: ${held.join(', ')}; it waits`
  return [`${what} for a person: millrace status ${pipeline} says why, and what lets it through`]
}

/** `3 due (2018-02-04 … 2018-02-06)`. */
export function named(word: string, partitions: readonly string[]): string {
  if (partitions.length === 0) return ''
  const list = partitions.length <= 3 ? partitions.join(', ') : `${partitions[0]} … ${partitions.at(-1)}`
  return `${formatCount(partitions.length)} ${word} (${list})`
}
