import { redactJson } from '../core/secret.ts'
import { millraceVersion } from '../core/version.ts'
import { formatMany } from '../observe/units.ts'
import { GRID_STATES, type GridPartition, type PipelineGrid } from '../pipeline/state/grid-report.ts'
import { PAGE_SCRIPT } from './grid-page-script.ts'
import { PAGE_STYLE } from './grid-page-style.ts'
import { foldOnce } from './grid-rows.ts'
import { LETTERS } from './grid-text.ts'

/**
 * A grid as one HTML page that needs nothing else: no network, no other file. A square for each partition, in rows of the next larger unit, with its details beside; by mouse and by keyboard, in light and in dark.
 * Everything that comes from data stands in one block of JSON, and the page's script sets it as text: no name and no error can become markup. Redacted.
 */
export function gridHtml(grid: PipelineGrid): string {
  const clean = redactJson(grid) as PipelineGrid
  const { pipeline, profile, at, stages, partitions, shared } = clean
  const folded = foldOnce(clean)
  const data = {
    ...{ pipeline, profile, at, stages, states: GRID_STATES, letters: LETTERS, marks: folded.marks },
    rows: [
      ...(shared ? [{ label: '(shared)', slots: [compact(shared, '(shared)', clean)] }] : []),
      ...folded.rows.map(({ label, slots }) => ({
        label,
        slots: slots.map(([first]) => (first ? compact(first, first.partition, clean) : 0)),
      })),
    ],
  }
  const title = `${pipeline} (${profile})`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="millrace ${escaped(millraceVersion)}">
<title>${escaped(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
<p>${formatMany(partitions.length, 'partition')}, as of <time>${escaped(at)}</time></p>
<div class="tools"><label>show <select id="view"><option value="">whole partitions</option>${stages.map((stage) => `<option>${escaped(stage)}</option>`).join('')}</select></label>
<div id="legend" role="group" aria-label="states"></div></div>
</header>
<noscript><p>The map is drawn by the page's own script, which is switched off. <code>millrace status ${escaped(pipeline)} --grid</code> says the same in a terminal.</p></noscript>
<main><div id="map" role="grid" aria-label="partitions"></div><aside id="details" aria-live="polite"></aside></main>
<script type="application/json" id="data">${embedded(data)}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`
}

/** A partition as short as it can be said, since there may be 10,000: the script knows the order of its fields. */
function compact(each: GridPartition, name: string, { stages }: PipelineGrid): readonly unknown[] {
  const state = (of: GridPartition['state'] | undefined) => (of === undefined ? -1 : GRID_STATES.indexOf(of))
  return [
    name,
    state(each.state),
    stages.map((stage) => state(each.stages[stage])),
    [
      each.at ?? 0,
      each.run ?? 0,
      each.attempts ?? 0,
      each.ms === undefined ? 0 : Math.round(each.ms),
      each.peakBytes ?? 0,
      each.error ?? 0,
    ],
    each.datasets.map((cell) => [
      ...[stages.indexOf(cell.stage), cell.dataset, cell.target ?? 0, state(cell.state), cell.rows ?? -1, cell.bytes ?? -1],
      ...[cell.ms === undefined ? -1 : Math.round(cell.ms), cell.peakBytes ?? -1, cell.spilledBytes ?? 0, cell.attempts ?? 0],
      ...[cell.inputKey?.slice(0, 12) ?? 0, cell.error ?? 0],
    ]),
  ]
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

/** JSON inside a script element: nothing in it can end the element. */
function embedded(data: unknown): string {
  return JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
