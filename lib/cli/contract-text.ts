import type { FormatContract } from '../export/contract/export.ts'
import type { SplitRows } from '../export/contract/table-contract.ts'
import { gateText } from '../export/gate/gate.ts'
import { valueForm } from '../export/write/value-form.ts'
import { painter } from '../observe/color.ts'
import { errorText } from '../observe/error-report.ts'
import { columnsOf, table } from '../observe/table.ts'
import { formatBytes, formatMany, formatRows } from '../observe/units.ts'
import type { CheckedContract } from '../pipeline/define/check-contracts.ts'
import type { ContractedExport } from '../pipeline/define/contracts.ts'
import type { ContractDiff } from '../pipeline/define/diff-contracts.ts'
import type { VerifiedExpectations } from '../pipeline/define/verify-expectations.ts'

/** A contract for people: its columns as they are delivered, then how the file is written. */
export function contractText({ pipeline, dataset, export: target }: ContractedExport, color: boolean): string {
  const { contract, format, path } = target
  const paint = painter(color)
  const rows = Object.entries(contract.columns).map(([name, type]) => [
    name,
    type,
    contract.notNull.includes(name) ? 'never' : 'may be',
    valueForm(name, contract),
  ])
  const file = [['order', contract.orderBy.join(', ')], ...formRows(contract), ['zero rows', contract.zeroRows], ...gateRows(contract)]
  const title = `${paint('bold', path)} (${format}), version ${contract.version}: ${dataset} of ${pipeline}`
  const heads = [{ name: 'column' }, { name: 'type' }, { name: 'NULL' }, { name: 'as delivered' }]
  return `${title}\n\n${table(heads, rows)}\n\n${columnsOf(file)}`
}

function gateRows({ gate }: FormatContract): readonly string[][] {
  return gate ? [['gate', gateText(gate)]] : []
}

/** How the file is written, as the format has it. */
function formRows(contract: FormatContract): readonly string[][] {
  if (contract.format !== 'csv')
    return [
      ...('sheet' in contract ? [['sheet', contract.sheet]] : []),
      ...('compression' in contract && contract.compression !== 'none' ? [['compression', contract.compression]] : []),
      ...('bigNumbers' in contract && contract.bigNumbers ? [['big numbers', contract.bigNumbers]] : []),
      ...('zone' in contract ? [['zone', contract.zone]] : []),
      ...('split' in contract && contract.split ? [['files', splitText(contract.split)]] : []),
    ]
  const { compression, quote, escape: before, encoding } = contract
  return [
    ['header', contract.header ? 'the names of the columns' : 'none'],
    ['delimiter', JSON.stringify(contract.delimiter)],
    ['quotes', `${quote} ${QUOTING[contract.quoting]}, ${before === quote ? 'doubled' : `${before} before one`} inside`],
    ['null', contract.null === '' ? 'nothing between the delimiters' : `${contract.null}, without quotes`],
    ['line end', JSON.stringify(contract.lineEnd)],
    [
      'encoding',
      `${encoding}${contract.byteOrderMark ? ' with a byte-order mark' : ''}${contract.unfit ? `, other characters: ${contract.unfit}` : ''}`,
    ],
    ...(compression === 'none' ? [] : [['compression', compression]]),
    ...(contract.split ? [['files', splitText(contract.split)]] : []),
    ['formulas', contract.formulas],
  ]
}

const QUOTING = { minimal: 'where they are needed', nonNumeric: 'around all but numbers', all: 'around all values' } as const

function splitText(split: SplitRows): string {
  return 'rows' in split ? `one for each ${formatRows(split.rows)}` : `one for each ${formatBytes(split.bytes)}`
}

/** One contract that was checked, in a line; why it is refused below. */
export function checkedText({ export: path, version, delivered, refused }: CheckedContract, color: boolean): string {
  const paint = painter(color)
  if (refused) return `${paint('red', '✗')} ${path}: version ${version}\n  ${errorText(refused).replaceAll('\n', '\n  ')}`
  return `${paint('green', '✓')} ${path}: version ${version}; ${deliveredText(delivered)}`
}

function deliveredText(delivered: CheckedContract['delivered']): string {
  const last = delivered.at(-1)
  if (!last) return 'nothing is delivered yet'
  const which = delivered.length > 1 ? ` for ${delivered.length} partitions` : last.partition === null ? '' : ` for ${last.partition}`
  return last.version === null ? `what is delivered${which} does not say its contract` : `version ${last.version} is delivered${which}`
}

/** What differs, each line with `!` where it breaks readers. */
export function diffText({ export: path, version, against, changes, refused }: ContractDiff, color: boolean): string {
  const paint = painter(color)
  const title = `${paint('bold', path)}: version ${version}`
  if (!against) return `${title}; nothing is delivered that it could be held against`
  const { file, partitions = [], version: other } = against
  const [first, ...more] = partitions
  const which = first === undefined ? '' : ` for ${first}${more.length > 0 ? ` and ${more.length} more` : ''}`
  const what = file === undefined ? `as delivered${which}` : `in ${file}`
  const lines = changes.map(
    ({ breaking, what: change }) => `  ${breaking ? paint('red', '!') : ' '} ${change}${breaking ? ' (breaking)' : ''}`,
  )
  return [
    `${title}, against version ${other} ${what}: ${changes.length === 0 ? 'nothing differs' : formatMany(changes.length, 'difference')}`,
    ...lines,
    ...(refused === undefined ? [] : [`  ${paint('red', 'a run refuses it')}: ${refused}`]),
  ].join('\n')
}

/** For each consumer whether what it expects holds; if not, what breaks and what mends it. */
export function verifiedText({ consumers, leftOut }: VerifiedExpectations, color: boolean): string {
  const paint = painter(color)
  const blocks = consumers.map(({ consumer, file, export: path, holds, unknown, breaches }) =>
    [
      `${paint(holds ? 'green' : 'red', holds ? '✓' : unknown ? '?' : '✗')} ${paint('bold', consumer)} reads ${path} (${file}): ${holds ? 'holds' : unknown ? 'nobody can tell, since no pipeline that can be read exports it' : 'breaks'}`,
      ...breaches.flatMap(({ what, mend }) => [`  ${what}`, `    → ${mend}`]),
    ].join('\n'),
  )
  const unknown = consumers.filter((each) => each.unknown).length
  const broken = consumers.filter(({ holds }) => !holds).length - unknown
  const all = formatMany(consumers.length, 'expectation')
  const others = leftOut === 0 ? '' : `; ${leftOut} of other pipelines left out`
  const verdict =
    consumers.length === 0
      ? 'nothing is expected'
      : broken > 0
        ? `${broken} of ${all} broken`
        : unknown > 0
          ? `${all}, of ${unknown} nobody can tell`
          : `${all}, all of them hold`
  return [...blocks, ...(consumers.length === 1 && leftOut === 0 ? [] : ['', `${verdict}${others}`])].join('\n').trimStart()
}
