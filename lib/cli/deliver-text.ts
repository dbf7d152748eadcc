import { percent, shareText } from '../export/gate/gate.ts'
import { painter } from '../observe/color.ts'
import { table } from '../observe/table.ts'
import { formatCount, formatMany, formatRows } from '../observe/units.ts'
import type { DeliveryDiff, DeliveryHistory, DeliverySwitch, SwitchedReport } from '../pipeline/delivery-report.ts'

/** `names/{partition}.csv 2018-02-04`. */
export function placeText({ name, partition }: { readonly name: string; readonly partition: string | null }): string {
  return partition === null ? name : `${name} ${partition}`
}

/** Every switch of one pointer, newest first, and what waits. */
export function historyText(history: DeliveryHistory, color: boolean): string {
  const paint = painter(color)
  const { switches, held } = history
  const rows = switches.map((each) => [
    String(each.switch),
    each.at,
    each.run,
    each.rows === null ? '-' : formatCount(each.rows),
    each.files === null ? '-' : formatCount(each.files),
    each.manifest,
    remarkOf(each),
  ])
  const heads = [
    { name: 'switch', align: 'right' as const },
    ...[{ name: 'at' }, { name: 'run' }, { name: 'rows', align: 'right' as const }, { name: 'files', align: 'right' as const }],
    ...[{ name: 'manifest' }, { name: 'remark' }],
  ]
  return [
    paint('bold', placeText(history)),
    table(heads, rows, { maxCell: 120 }),
    ...(held
      ? [
          `${paint('yellow', 'held')} since ${held.at}: ${held.beyond.join('; ')}`,
          ...held.samples.map((key) => `  rows that differ: ${key}`),
        ]
      : []),
  ].join('\n')
}

function remarkOf({ current, whole, rolledBack, accepted }: DeliverySwitch): string {
  const remarks = [
    ...(current ? ['current'] : []),
    ...(rolledBack ? [`rolled back: ${rolledBack.reason}`] : []),
    ...(accepted ? [`accepted: ${accepted.reason}`] : []),
    ...(whole ? [] : ['gone']),
  ]
  return remarks.join('; ') || '-'
}

/** What was switched by hand, in a line. */
export function switchedText(done: SwitchedReport): string {
  const { switch: n, rows, files, manifest } = done
  const told = (done.notices ?? []).map(({ receiver, pending, error }) =>
    pending === 0 ? `"${receiver}" is told` : `"${receiver}" is not told yet${error ? `: ${error.message}` : ''}; the next run tells it`,
  )
  const led = `${placeText(done)}: switch ${n} leads to ${manifest} (${formatRows(rows)}, ${formatMany(files, 'file')})`
  return [led, ...told].join('\n')
}

/** What differs between two deliveries, of each export and partition. */
export function deliveryDiffText(diff: DeliveryDiff, color: boolean): string {
  const paint = painter(color)
  const title = `${paint('bold', placeText(diff))}: ${diff.from} against ${diff.to}`
  if (diff.compared.length === 0) return `${title}: nothing that both hold differs`
  const blocks = diff.compared.map((each) => {
    const columns = each.columns
      .filter(({ changed }) => changed > 0)
      .map(({ name, changed }) => [name, formatCount(changed), percent(changed / each.kept)])
    return [
      ...(diff.compared.length > 1 || each.path !== diff.name ? [placeText({ name: each.path, partition: each.partition })] : []),
      `removed ${shareText(each.removed, each.before)}, added ${shareText(each.added, each.before)}, changed ${shareText(each.changed, each.before)}`,
      ...(each.newColumns.length > 0 ? [`new columns: ${each.newColumns.join(', ')}`] : []),
      ...(each.goneColumns.length > 0 ? [`columns that are gone: ${each.goneColumns.join(', ')}`] : []),
      ...(columns.length > 0
        ? [table([{ name: 'column' }, { name: 'changed', align: 'right' }, { name: 'of rows in both', align: 'right' }], columns)]
        : []),
      ...(each.sample === undefined ? [] : [`rows that differ: ${each.sample}`]),
    ].join('\n')
  })
  return [title, ...blocks].join('\n')
}

/** What was held against the manifest, of one delivery or another alike. */
export function heldText({ count, proved }: { readonly count: number; readonly proved: number }): string {
  if (count === 0) return 'no file'
  const all = formatMany(count, 'file')
  if (proved === count) return `${all}: bytes, and NULLs, empty texts, values and order of the rows as proved`
  return `${all}: bytes, columns and number of rows${proved === 0 ? '' : `, of ${proved} the values and order of the rows, too`}; ${proved === 0 ? 'the manifest has' : 'the others have'} no proof of more`
}
