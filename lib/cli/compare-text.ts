import { redact } from '../core/secret.ts'
import { type Paint, painter } from '../observe/color.ts'
import { errorText } from '../observe/error-report.ts'
import { table } from '../observe/table.ts'
import { formatCount, formatDuration, formatRows } from '../observe/units.ts'
import {
  type CompareReport,
  isDifferent,
  type PartitionComparison,
  type RowExample,
  type TargetComparison,
} from '../pipeline/compare/compare-report.ts'

/** What partitions share, in the place of a partition. */
const SHARED = 'shared'
/** How many lines of a table there are at most; `--json` has all. */
const LINES = 40
/** Of how many targets rows are shown. */
const SHOWN = 3

/** What `backfill --compare` has found, on a screen or two however many partitions there are: those that differ, totals of each target, a few rows. */
export function compareText(report: CompareReport, { command, color }: { readonly command: string; readonly color: boolean }): string {
  const paint = painter(color)
  const { pipeline, profile, partitions, notCompared, warnings } = report
  const all = partitions.flatMap(({ partition, targets }) => targets.map((target) => ({ partition, ...target })))
  const different = all.filter(isDifferent)
  const took = formatDuration(Date.parse(report.endedAt) - Date.parse(report.startedAt))
  const blocks = [
    `${paint('bold', pipeline)} (${profile}): ${headline(report, paint)} in ${took}; partitions: ${counts(partitions) || 'none'}`,
    ...(different.length > 0 ? [differentTable(different), ...different.slice(0, SHOWN).flatMap(examples)] : []),
    ...(all.length > 0 ? [totals(all)] : []),
    ...partitions.flatMap(({ partition, error, outcome }) =>
      error && outcome === 'failed'
        ? [`${paint('red', 'failed')} ${partition || SHARED}: ${errorText(error).replace(/^error: /, '')}`]
        : [],
    ),
    ...left(notCompared),
    ...remarks(all),
    ...[...new Set(warnings)].map((warning) => `${paint('yellow', 'warning')}: ${warning}`),
    ...(all.length > 0 ? [`to let it through: ${command} --accept\nto give it up:     ${command} --reject`] : []),
  ]
  return redact(blocks.join('\n\n'))
}

function headline({ outcome }: CompareReport, paint: Paint): string {
  if (outcome === 'equal') return paint('green', 'nothing differs')
  if (outcome === 'different') return paint('yellow', 'something differs')
  return paint(outcome === 'failed' ? 'red' : 'yellow', outcome)
}

const WORDS: Readonly<Record<PartitionComparison['outcome'], string>> = {
  different: 'different',
  equal: 'equal',
  upToDate: 'up to date',
  failed: 'failed',
  stopped: 'stopped',
  notRun: 'not compared',
}

function counts(partitions: readonly PartitionComparison[]): string {
  const by = Map.groupBy(partitions, ({ outcome }) => outcome)
  return Object.entries(WORDS)
    .flatMap(([outcome, word]) => {
      const count = by.get(outcome as PartitionComparison['outcome'])?.length ?? 0
      return count > 0 ? [`${formatCount(count)} ${word}`] : []
    })
    .join(', ')
}

type Compared = TargetComparison & { readonly partition: string }

const right = (name: string) => ({ name, align: 'right' as const })
const COUNTS = [right('before'), right('after'), right('added'), right('removed'), right('changed')]

function numbers(of: Pick<TargetComparison, 'before' | 'after' | 'added' | 'removed' | 'changed'>): string[] {
  return [of.before, of.after, of.added, of.removed, of.changed].map(formatCount)
}

function differentTable(different: readonly Compared[]): string {
  const rows = different.slice(0, LINES).map((each) => [each.partition || SHARED, each.target, ...numbers(each), remarkOf(each)])
  const left = different.length - rows.length
  const text = table([{ name: 'partition' }, { name: 'target' }, ...COUNTS, { name: 'columns' }], rows, { maxCell: 80 })
  return left > 0 ? `${text}\nand ${formatCount(left)} more, all of them with --json` : text
}

function remarkOf({ columns, newColumns, goneColumns, retyped, incomparable, first }: TargetComparison): string {
  const parts = [
    ...columns.map(({ name, changed }) => `${name} ${formatCount(changed)}`),
    ...newColumns.map((name) => `+${name}`),
    ...goneColumns.map((name) => `-${name}`),
    ...retyped.map(({ name, before, after }) => `${name}: ${before} → ${after}`),
    ...(incomparable === undefined ? [] : [incomparable]),
    ...(first ? ['nothing was there'] : []),
  ]
  return parts.join(', ') || '-'
}

function left(notCompared: CompareReport['notCompared']): string[] {
  const targets = notCompared.map(({ target }) => target)
  return targets.length > 0 ? [`not compared, since their rows are not decoded here: ${targets.join(', ')}`] : []
}

/** A few rows of one target and partition that differ. */
function examples({ partition, target, key, examples: rows, sample }: Compared): string[] {
  if (rows.length === 0) return []
  const lines = rows.flatMap((row) => exampleRows(row))
  const by = key.length > 0 ? `by ${key.join(', ')}` : 'as whole rows'
  const heads = [{ name: 'row' }, { name: key.length > 0 ? 'key' : 'values' }, { name: 'column' }, { name: 'before' }, { name: 'after' }]
  return [
    `${target} ${partition || SHARED}, ${by}\n${table(heads, lines, { maxCell: 40, indent: '  ' })}${sample === undefined ? '' : `\n  more in ${sample}`}`,
  ]
}

function exampleRows({ kind, key, columns }: RowExample): (string | null)[][] {
  const named = Object.values(key)
    .map((value) => value ?? 'null')
    .join(', ')
  if (columns.length === 0) return [[kind, named, '-', '-', '-']]
  return columns.slice(0, 3).map(({ name, before, after }) => [kind, named, name, before, after])
}

/** What all partitions of each target add up to. */
function totals(all: readonly Compared[]): string {
  const rows = [...Map.groupBy(all, ({ target }) => target)].map(([target, each]) => {
    const sum = (what: 'before' | 'after' | 'added' | 'removed' | 'changed') => each.reduce((total, one) => total + one[what], 0)
    const columns = new Map<string, number>()
    for (const { columns: changed } of each) for (const { name, changed: n } of changed) columns.set(name, (columns.get(name) ?? 0) + n)
    const remark = [...columns].map(([name, changed]) => `${name} ${formatCount(changed)}`).join(', ') || '-'
    return [
      target,
      formatCount(each.filter(isDifferent).length),
      formatCount(each.filter((one) => !isDifferent(one)).length),
      ...numbers({ before: sum('before'), after: sum('after'), added: sum('added'), removed: sum('removed'), changed: sum('changed') }),
      remark,
    ]
  })
  return table([{ name: 'in all' }, right('different'), right('equal'), ...COUNTS, { name: 'columns' }], rows, { maxCell: 80 })
}

function remarks(all: readonly Compared[]): string[] {
  const sum = (what: 'staying' | 'superseded') => all.reduce((total, one) => total + one[what], 0)
  const [staying, superseded] = [sum('staying'), sum('superseded')]
  return [
    ...(staying > 0 ? [`${formatRows(staying)} would stay, though nothing makes them any more: a merge removes none`] : []),
    ...(superseded > 0 ? [`${formatRows(superseded)} would not enter: what is there of their key is later`] : []),
    ...(all.some(({ stage, goneColumns, retyped }) => stage === 'load' && goneColumns.length + retyped.length > 0)
      ? ['a table takes no rows that lack one of its columns, or have another type there: --accept will be refused']
      : []),
  ]
}
