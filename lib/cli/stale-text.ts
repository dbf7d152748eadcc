import { painter } from '../observe/color.ts'
import { formatCount, formatMany } from '../observe/units.ts'
import type { Cause, ChangeKind, Consequence, StaleReport } from '../pipeline/stale-report.ts'

/** `plan --stale` for people: each change with the tree of what follows from it, then the command. */
export function stalePlanText(
  { pipeline, profile, causes, partitions, byInputs, due, again, ...report }: StaleReport,
  color: boolean,
): string {
  const paint = painter(color)
  const head = `${paint('bold', pipeline)} (${profile}): ${summary({ ...report, stale: partitions.length, byInputs: byInputs.length, due: due.length }, causes.length > 0)}`
  const blocks = causes.map((cause) => [paint('yellow', titleOf(cause)), ...treeOf(cause)].join('\n'))
  const then = [
    ...(again === undefined
      ? []
      : [
          `only ${partitions.length === 1 ? 'that partition is' : `those ${formatCount(partitions.length)} partitions are`} made again by: ${again}`,
        ]),
    ...(due.length === 0 ? [] : [`to be read again, and taken by every run: ${span(due)}`]),
  ]
  return [head, ...blocks, then.join('\n')].filter((each) => each !== '').join('\n\n')
}

type Counts = Readonly<Record<'stale' | 'byInputs' | 'due' | 'done' | 'waiting', number>> & Pick<StaleReport, 'made'>

function summary({ stale, byInputs, due, done, waiting, made }: Counts, any: boolean): string {
  const wait = `${formatCount(waiting)} ${waiting === 1 ? 'is' : 'are'} due, which every run takes`
  if (!any && made) return `nothing changed since it was made${waiting > 0 ? `; of the partitions ${wait}` : ''}`
  // Some may be made in part: of a target that is new, say.
  if (!any) return waiting > 0 ? `no partition is done; ${wait}` : 'nothing is made yet'
  const parts = [
    ...(stale > 0
      ? [
          `${formatCount(stale)} of ${formatCount(done)} partitions that are done ${stale === 1 ? 'is' : 'are'} stale${inputsText(stale, byInputs)}`,
        ]
      : []),
    ...(due > 0 ? [`${formatCount(due)} ${due === 1 ? 'is' : 'are'} to be read again`] : []),
  ]
  return parts.join('; ') || 'no partition is stale; the next run makes again what changed'
}

/** `status` and `plan` call stale what other code has made. */
function inputsText(stale: number, byInputs: number): string {
  if (byInputs === 0) return ''
  const those =
    byInputs === stale
      ? stale === 1
        ? 'by its inputs alone: status does not count it'
        : 'by their inputs alone: status does not count them'
      : ''
  return `, ${those || `${formatCount(byInputs)} of them by inputs alone, which status does not count`}`
}

const TITLES: Readonly<Record<ChangeKind, string>> = {
  sql: 'SQL of',
  frame: 'frame',
  function: 'function',
  module: 'code in',
  parameter: 'parameter',
  contract: 'contract of',
  table: 'table',
  renamed: 'table',
  input: 'input',
  columns: 'columns of',
  request: 'source of',
  step: 'step',
  unknown: '',
}

function titleOf({ kind, name, what }: Cause): string {
  if (kind === 'renamed') return `table ${name} was ${what}: it is made anew under this name, and ${what} stays until somebody drops it`
  return `${[TITLES[kind], name].filter(Boolean).join(' ')} changed${what === '' ? '' : `: ${what}`}`.replace(
    /^(made by other code.*) changed/,
    '$1',
  )
}

function treeOf({ follows }: Cause): string[] {
  if (follows.length === 0) return ['└─ what follows is known when it has been read again: millrace run']
  return branches(follows, '')
}

const STAYING = {
  append: ': rows that are there stay as they were made, loads that land from now on are made by this',
  merge:
    ': rows that are there stay as they were made until run --force applies all loads again, loads that land from now on are made by this',
}

function branches(nodes: readonly Consequence[], indent: string): string[] {
  const under = nodes.map((node) => ({
    title: node.dataset,
    leaves: node.targets.map(
      ({ stage, target, partitions, stays }) =>
        `${stage} ${target}${stays ? STAYING[stays] : ''}${partitions.length === 0 ? '' : `: ${formatMany(partitions.length, 'partition')} (${span(partitions)})`}`,
    ),
    node,
  }))
  return under.flatMap(({ title, leaves, node }, i) => {
    const last = i === under.length - 1
    const inner = `${indent}${last ? '   ' : '│  '}`
    const own = leaves.map((leaf, at) => `${inner}${at === leaves.length - 1 && node.derived.length === 0 ? '└─' : '├─'} ${leaf}`)
    return [`${indent}${last ? '└─' : '├─'} ${title}`, ...own, ...branches(node.derived, inner)]
  })
}

function span(partitions: readonly string[]): string {
  return partitions.length <= 3 ? partitions.join(', ') : `${partitions[0]} … ${partitions.at(-1)}`
}
