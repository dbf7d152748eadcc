import { type Paint, painter } from '../observe/color.ts'
import { errorText } from '../observe/error-report.ts'
import { formatCount, formatDuration, formatMany, formatRows } from '../observe/units.ts'
import { truncate, visible } from '../observe/width.ts'
import type { CertifyDifference } from '../pipeline/certify/certificate.ts'
import type { Certified } from '../pipeline/certify/certify.ts'

/** A certificate for people: what was compared, and what differs, when, by which example, and why. */
export function certifyText({ certificate, file }: Certified, color: boolean): string {
  const paint = painter(color)
  const { pipeline, profile, outcome, startedAt, endedAt, units, datasets, exports, settings, differences, failures } = certificate
  const took = formatDuration(Date.parse(endedAt) - Date.parse(startedAt))
  const word = outcome === 'certified' ? paint('green', 'certified') : paint('red', 'not certified')
  const partitions = units.flatMap(({ partition }) => partition ?? [])
  const loads = Object.entries(
    Object.groupBy(
      units.flatMap(({ load }) => load ?? []),
      ({ dataset }) => dataset,
    ),
  )
  return [
    `${paint('bold', pipeline)} (${profile}): ${word} in ${took}`,
    [
      `computed   ${formatMany(settings.length + 1, 'time')}: as it is, and ${settings.map(({ when }) => `when ${when}`).join(', ')}`,
      ...(partitions.length > 0 ? [`partitions ${partitions.join(', ')}`] : []),
      ...loads.map(
        ([dataset, all = []]) => `changes    ${dataset}: ${all.length === 1 ? 'load' : 'loads'} ${all.map(({ id }) => id).join(', ')}`,
      ),
      `compared   ${datasets.join(', ')}${exports.length === 0 ? '' : `; as delivered: ${exports.join(', ')}`}`,
    ].join('\n'),
    ...differences.map((each) => differenceText(each, partitions.length, paint)),
    ...failures.map(({ when, error }) => `${paint('red', 'fails')} when ${when}\n  ${errorText(error).replaceAll('\n', '\n  ')}`),
    file === undefined ? 'no certificate is written: the state folder may only be read' : `certificate ${file}`,
  ].join('\n\n')
}

function differenceText(each: CertifyDifference, units: number, paint: Paint): string {
  const { dataset, export: path, partition, partitions, load, loads = 0, settings, when, causes, tolerated } = each
  const word = tolerated ? paint('yellow', 'differs in last digits, which nothing shows') : paint('red', 'differs')
  const unit = load ? `load ${load.id} of ${load.dataset}` : (partition ?? '')
  const where = [unit, loads > 1 ? `${loads} loads` : '', partitions > 1 ? `${partitions} of ${units} partitions` : ''].filter(Boolean)
  return [
    `${paint('bold', path ?? dataset)}${path === undefined ? '' : ` (of ${dataset})`} ${word} when ${when}${where.length > 0 ? ` (${where.join('; ')})` : ''}`,
    `  ${whatText(each)}`,
    ...exampleText(each).map((line) => `  ${line}`),
    ...(settings.length > 1 ? [`  also under: ${settings.slice(1).join(', ')}`] : []),
    ...causes.map((cause) => `  likely: ${cause}`),
  ].join('\n')
}

function whatText({ columns, rows, of, order }: CertifyDifference): string {
  if (order) return `its ${formatRows(rows)} come in another order`
  const what = columns.length === 0 ? 'rows' : columns.length === 1 ? `column ${columns[0]}` : `columns ${columns.join(', ')}`
  return `${what}: ${formatCount(rows)} of ${formatRows(of)} ${rows === 1 ? 'is another' : 'are others'}`
}

function exampleText({ example }: CertifyDifference): string[] {
  if (!example) return []
  const { key, was, became } = example
  const text = (values: Readonly<Record<string, string | null>>) =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${value === null ? 'NULL' : `'${truncate(visible(value), 60)}'`}`)
      .join(', ')
  const row = text(key)
  return [`${row === '' ? 'for example' : `where ${row}`}: ${text(was) || 'no row'}, then ${text(became) || 'no row'}`]
}
