import { type Paint, painter } from '../observe/color.ts'
import { formatBytes, formatCount, formatDuration, formatMany } from '../observe/units.ts'
import { displayWidth, pad, truncate, visible } from '../observe/width.ts'
import { GRID_STATES, type GridPartition, type GridState, type PipelineGrid, worstOf } from '../pipeline/state/grid-report.ts'
import { foldToFit, labelWidth } from './grid-rows.ts'

/** The letter of a state: capitals want a look. */
export const LETTERS: Readonly<Record<GridState, string>> = {
  running: 'R',
  failed: 'F',
  quarantined: 'Q',
  stale: 'S',
  due: 'u',
  missing: '.',
  open: 'o',
  done: 'd',
}

const STYLES: Readonly<Record<GridState, Parameters<Paint>[0]>> = {
  running: 'cyan',
  failed: 'red',
  quarantined: 'magenta',
  stale: 'yellow',
  due: 'blue',
  missing: 'dim',
  open: 'dim',
  done: 'green',
}

/** So many partitions have a line each; of more the map is drawn, and of those that want a look the first ones have a line. */
const LISTED = 40
const MAP_LINES = 40
const WANTING = 20

/** A grid for people: what stands how, as a map where there are many partitions, and a line for each that wants a look. No line is wider than `width`. Redacted when it is printed. */
export function gridText(grid: PipelineGrid, options: { readonly color: boolean; readonly width: number }): string {
  const paint = painter(options.color)
  const { partitions, shared } = grid
  const many = partitions.length > LISTED
  const wanting = partitions.filter(({ state }) => state === 'running' || state === 'failed' || state === 'quarantined')
  const rest = partitions.filter(({ state }) => state === 'due' || state === 'missing' || state === 'stale')
  const looked = many ? [...wanting, ...rest].slice(0, WANTING) : partitions
  const left = many ? wanting.length + rest.length - looked.length : 0
  const lines = [...(shared ? [shared] : []), ...looked]
  const letters = new Set([...lines.flatMap(({ stages }) => Object.values(stages)), ...(many ? mapStates(grid, options.width) : [])])
  return [
    headline(grid, letters, options, paint),
    many ? stageTable(grid, options.width, paint) : '',
    many ? map(grid, options.width, paint) : '',
    lines.length > 0 ? partitionLines(lines, grid, options.width, paint) : '',
    left > 0 ? truncate(`… and ${formatCount(left)} more that are not done; --json names all`, options.width) : '',
  ]
    .filter((block) => block !== '')
    .join('\n\n')
}

/** The legend counts partitions, and has every letter that stands below: a stage, or a month, may be due in part where no partition is. */
function headline(
  { pipeline, profile, partitions, counts }: PipelineGrid,
  letters: ReadonlySet<GridState>,
  { width }: { readonly width: number },
  paint: Paint,
): string {
  const words = GRID_STATES.filter((state) => counts[state] > 0 || letters.has(state)).map((state) => {
    const name = counts[state] > 0 ? `${state} ${formatCount(counts[state])}` : state
    return { text: `${LETTERS[state]} ${name}`, painted: `${paint(STYLES[state], LETTERS[state])} ${name}` }
  })
  const what = formatMany(partitions.length, 'partition')
  return `${paint('bold', visible(pipeline))} (${visible(profile)}): ${what}${words.length === 0 ? '' : `\n${wrapped(words, width)}`}`
}

function wrapped(words: readonly { readonly text: string; readonly painted: string }[], width: number): string {
  let [line, used] = ['', 0]
  const lines: string[] = []
  for (const { text, painted } of words) {
    if (used > 0 && used + 3 + text.length > width) {
      lines.push(line)
      ;[line, used] = ['', 0]
    }
    line += `${used > 0 ? '   ' : ''}${painted}`
    used += (used > 0 ? 3 : 0) + text.length
  }
  return [...lines, line].join('\n')
}

/** How many partitions stand how in each stage; where the words are too wide, under the letters. */
function stageTable({ stages, partitions }: PipelineGrid, room: number, paint: Paint): string {
  const rows = stages.map((stage) => {
    const groups = Map.groupBy(partitions, (each) => each.stages[stage])
    return { stage, count: (state: GridState) => formatCount(groups.get(state)?.length ?? 0) }
  })
  const states = GRID_STATES.filter((state) => rows.some(({ count }) => count(state) !== '0')).reverse()
  const first = Math.max(...stages.map((stage) => stage.length))
  const drawn = (heads: readonly string[], gap = '  ') => {
    const widths = states.map((state, i) => Math.max(heads[i]?.length ?? 0, ...rows.map(({ count }) => count(state).length)))
    const head = states.map((state, i) => paint(STYLES[state], pad(heads[i] ?? '', widths[i] ?? 0, 'right')))
    const lines = rows.map(({ stage, count }) =>
      [pad(stage, first), ...states.map((state, i) => pad(count(state), widths[i] ?? 0, 'right'))].join(gap),
    )
    return { text: [[pad('', first), ...head].join(gap), ...lines].join('\n'), width: displayWidth(lines[0] ?? '') }
  }
  const words = drawn(states)
  if (words.width <= room) return words.text
  const letters = states.map((state) => LETTERS[state])
  const wide = drawn(letters)
  return wide.width <= room ? wide.text : drawn(letters, ' ').text
}

const folding = (grid: PipelineGrid, width: number) => foldToFit(grid, { width, lines: MAP_LINES })
const stateOf = (partitions: readonly GridPartition[]) => worstOf(partitions.map((each) => each.state))

function mapStates(grid: PipelineGrid, width: number): readonly GridState[] {
  return folding(grid, width).rows.flatMap(({ slots }) => slots.flatMap((partitions) => stateOf(partitions) ?? []))
}

function map(grid: PipelineGrid, width: number, paint: Paint): string {
  const folded = folding(grid, width)
  const { rows, blocks, slots } = folded
  const label = labelWidth(folded)
  const drawn = rows.map(({ label: name, slots: of }) => {
    const letters = of.map((partitions) => {
      const state = stateOf(partitions)
      return state === undefined ? ' ' : paint(STYLES[state], LETTERS[state])
    })
    return `${pad(visible(name), label)}  ${letters.join('')}${' '.repeat(slots - of.length)}`
  })
  const height = Math.ceil(drawn.length / blocks)
  const columns = Math.ceil(drawn.length / Math.max(1, height))
  const marks = folded.marks === '' ? [] : [Array.from({ length: columns }, () => `${pad('', label)}  ${pad(folded.marks, slots)}`)]
  const lines = Array.from({ length: height }, (_, line) =>
    Array.from({ length: columns }, (_, block) => drawn[block * height + line] ?? '').filter(Boolean),
  )
  const unit = grid.unit ?? 'key'
  const said =
    folded.slot === unit
      ? ''
      : `${truncate(`each letter: ${folded.slot === 'keys' ? `${folded.each} keys` : `a ${folded.slot}`}, as the one that wants a look first`, width)}\n`
  return said + [...marks, ...lines].map((line) => line.join('   ').trimEnd()).join('\n')
}

/** A line each: a letter for each stage, how often it was tried, how long it took, how much memory, what is wrong. */
function partitionLines(partitions: readonly GridPartition[], { stages }: PipelineGrid, width: number, paint: Paint): string {
  const name = (each: GridPartition) => truncate(each.partition === '' ? '(shared)' : visible(each.partition), 30)
  const first = Math.max('partition'.length, ...partitions.map((each) => displayWidth(name(each))))
  const state = Math.max(...partitions.map((each) => each.state.length), 'state'.length)
  const figures = partitions.map(({ attempts, ms, peakBytes }) => [
    attempts === undefined ? '-' : String(attempts),
    ms === undefined ? '-' : formatDuration(ms),
    peakBytes === undefined ? '-' : formatBytes(peakBytes),
  ])
  const names = ['tries', 'time', 'peak']
  const widths = names.map((each, i) => Math.max(each.length, ...figures.map((row) => row[i]?.length ?? 0)))
  const head = [
    pad('partition', first),
    stages.join(' '),
    pad('state', state),
    ...names.map((each, i) => pad(each, widths[i] ?? 0, 'right')),
  ].join('  ')
  const lines = partitions.map((each, at) => {
    const letters = stages.map((stage) => {
      const own = each.stages[stage]
      return `${own === undefined ? ' ' : paint(STYLES[own], LETTERS[own])}${' '.repeat(stage.length - 1)}`
    })
    const cells = [
      pad(name(each), first),
      letters.join(' '),
      paint(STYLES[each.state], pad(each.state, state)),
      ...(figures[at] ?? []).map((text, i) => pad(text, widths[i] ?? 0, 'right')),
    ]
    const line = cells.join('  ').trimEnd()
    return each.error === undefined ? line : `${line}\n${paint('red', `  ${truncate(visible(each.error), Math.max(20, width - 2))}`)}`
  })
  const used = displayWidth(head)
  // On a narrow terminal the letters go before the words.
  if (used > width && stages.length > 1) return narrowLines(partitions, { stages, names, widths, figures }, width, paint)
  return [paint('dim', head), ...lines].join('\n')
}

interface Figures {
  readonly stages: PipelineGrid['stages']
  readonly names: readonly string[]
  readonly widths: readonly number[]
  /** Of each partition, in their order. */
  readonly figures: readonly (readonly string[])[]
}

/** The letters stand close, under no names of their own; the figures stay as far as there is room for them. */
function narrowLines(
  partitions: readonly GridPartition[],
  { stages, names, widths, figures }: Figures,
  width: number,
  paint: Paint,
): string {
  const room = Math.max(8, width - stages.length - 2 - 12)
  const first = Math.min(room, 13)
  const state = Math.max(...partitions.map((each) => each.state.length))
  const figured = first + 1 + stages.length + 1 + state + widths.reduce((sum, each) => sum + 2 + each, 0) <= width
  const right = (cells: readonly string[]) => (figured ? cells.map((text, i) => `  ${pad(text, widths[i] ?? 0, 'right')}`).join('') : '')
  const lines = partitions.flatMap((each, at) => {
    const letters = stages.map((stage) => {
      const own = each.stages[stage]
      return own === undefined ? ' ' : paint(STYLES[own], LETTERS[own])
    })
    const name = pad(truncate(each.partition === '' ? '(shared)' : visible(each.partition), figured ? first : room), first)
    const word = paint(STYLES[each.state], figured ? pad(each.state, state) : each.state)
    const line = `${name} ${letters.join('')} ${word}${right(figures[at] ?? [])}`
    return each.error === undefined ? [line] : [line, paint('red', truncate(`  ${visible(each.error)}`, width))]
  })
  const head = figured
    ? [paint('dim', `${pad('partition', first)} ${' '.repeat(stages.length)} ${pad('state', state)}${right(names)}`)]
    : []
  return [paint('dim', truncate(`letters: ${stages.join(', ')}`, width)), ...head, ...lines].join('\n')
}
