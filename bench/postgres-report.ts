import { least, type Measured, mostRss } from './measured.ts'

/** Both sides of one piece of work, round by round. */
export interface Sides {
  readonly ours: readonly Measured[]
  readonly bare: readonly Measured[]
}

/** What all processes of one side may hold at `--memory 256MB`, in MiB (issue 4). */
const RSS_LIMIT = 600

/** The big table, each work by the least time of each side over all rounds: a shared machine only ever makes a run slower. `engine`: the same work by DuckDB and its extension alone. */
export function roadsTable(
  figures: ReadonlyMap<string, Sides>,
  engine: ReadonlyMap<string, readonly Measured[]>,
  rows: number,
  memory: string,
): string {
  const cpuText = (rounds: readonly Measured[]) => ((least(rounds, 'cpuSeconds') / rows) * 1e6).toFixed(2)
  const lines = [...figures].map(([what, { ours, bare }]) => {
    const [wall, bareWall] = [least(ours, 'wallSeconds'), least(bare, 'wallSeconds')]
    const mebibytes = mostRss(ours) / 2 ** 20
    const alone = engine.get(what.split(',')[0] ?? what) ?? []
    return [
      what,
      wall.toFixed(2),
      bareWall.toFixed(2),
      (wall / bareWall).toFixed(2),
      (wall / least(alone, 'wallSeconds')).toFixed(2),
      cpuText(ours),
      cpuText(alone),
      `${mebibytes.toFixed(0)}${memory === '256MB' && mebibytes > RSS_LIMIT ? ` (over ${RSS_LIMIT})` : ''}`,
    ]
  })
  return table(['road', 's', '\\copy binary s', 'wall ×', 'wall ÷ extension alone', 'CPU-s/M rows', 'its', `RSS MiB at ${memory}`], lines)
}

/** Many small tables, each figure for one of them. */
export function manyTable(figures: ReadonlyMap<string, Sides>, tables: number): string {
  const each = (seconds: number) => ((seconds * 1000) / tables).toFixed(1)
  const lines = [...figures].map(([what, { ours, bare }]) => [
    what,
    each(least(ours, 'wallSeconds')),
    each(least(ours, 'cpuSeconds')),
    each(least(bare, 'wallSeconds')),
    each(least(bare, 'cpuSeconds')),
    (mostRss(ours) / 2 ** 20).toFixed(0),
  ])
  return table([`${tables} tables × 1,000 rows`, 'ms each', 'CPU-ms each', 'DuckDB + extension, ms each', 'CPU-ms each', 'RSS MiB'], lines)
}

/** A Markdown table. */
export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n')
}
