import { ConfigError } from '../../core/errors.ts'
import { type ColumnType, parseType, typeText } from '../../engines/types.ts'
import type { DeliveryManifest } from '../manifest.ts'

/** A contract as a manifest has it. */
export type WrittenContract = DeliveryManifest['contract']
/** One of CSV. */
export type WrittenCsv = Extract<WrittenContract, { readonly format: 'csv' }>
/** One of lines of JSON. */
export type WrittenNdjson = Extract<WrittenContract, { readonly format: 'ndjson' }>
/** One of Arrow. */
export type WrittenArrow = Extract<WrittenContract, { readonly format: 'arrow' }>
/** One of Excel. */
export type WrittenExcel = Extract<WrittenContract, { readonly format: 'xlsx' }>
/** One of Parquet. */
export type WrittenParquet = Extract<WrittenContract, { readonly format: 'parquet' }>

/** One thing in which two contracts differ. */
export interface ContractChange {
  readonly kind: 'added' | 'removed' | 'retyped' | 'moved' | 'nullable' | 'notNull' | 'option'
  /** The column, or the option of the contract. */
  readonly name: string
  /** As the contract has it: of a column its type or its place from 1 on; null where there was, or is, none. */
  readonly before: unknown
  readonly after: unknown
  /** Whether a reader of the first that goes by name or by place, and knows how a file is written, may fail on the second, or read it wrongly. */
  readonly breaking: boolean
  /** The same in words: `"name" is gone`. */
  readonly what: string
}

/** What differs between two contracts, versions aside: columns of the first in its order, then those that are new, then options. */
export function contractChanges(before: WrittenContract, after: WrittenContract): readonly ContractChange[] {
  return [...columnChanges(before, after), ...optionChanges(before, after)]
}

/** What a change of a contract breaks for its readers, in words; nothing where columns were only added at the end. */
export function breakingChanges(before: WrittenContract, after: WrittenContract): readonly string[] {
  return contractChanges(before, after).flatMap(({ breaking, what }) => (breaking ? [what] : []))
}

/** @throws ConfigError for a contract that breaks the one that was delivered last without a higher version, or has a lower one */
export function refuseBreaking(before: WrittenContract, after: WrittenContract): void {
  if (after.version < before.version)
    throw new ConfigError(`the contract has version ${after.version}, and version ${before.version} was delivered`, {
      hint: `deliver another version beside it, to a path of its own, or give this contract version ${before.version} or higher`,
    })
  if (after.version > before.version) return
  const changes = breakingChanges(before, after)
  if (changes.length === 0) return
  throw new ConfigError(`the contract breaks what readers were promised: ${changes.join('; ')}`, {
    hint: `add columns at the end only; else tell the readers, and give the contract version: ${before.version + 1} (both versions can be delivered, to paths of their own)`,
  })
}

function columnChanges(before: WrittenContract, after: WrittenContract): ContractChange[] {
  const now = new Map(after.columns.map((column, at) => [column.name, { ...column, at }]))
  const known = new Set(before.columns.map(({ name }) => name))
  const kept = before.columns.flatMap(({ name, type, notNull }, at): ContractChange[] => {
    const column = now.get(name)
    if (!column) return [{ kind: 'removed', name, before: type, after: null, breaking: true, what: `"${name}" is gone` }]
    const changes: ContractChange[] = []
    const { type: is, at: place, notNull: held } = column
    if (normal(is) !== normal(type))
      changes.push({ kind: 'retyped', name, before: type, after: is, breaking: true, what: `"${name}" was ${type} and is ${is}` })
    if (place !== at) {
      const what = `"${name}" was column ${at + 1} and is column ${place + 1}`
      changes.push({ kind: 'moved', name, before: at + 1, after: place + 1, breaking: true, what })
    }
    if (notNull && !held) {
      const what = `"${name}" was never NULL and may be now`
      changes.push({ kind: 'nullable', name, before: true, after: false, breaking: true, what })
    }
    if (!notNull && held)
      changes.push({ kind: 'notNull', name, before: false, after: true, breaking: false, what: `"${name}" may no longer be NULL` })
    return changes
  })
  const added = [...now.values()].flatMap(({ name, type, at }): ContractChange[] =>
    known.has(name)
      ? []
      : [{ kind: 'added', name, before: null, after: type, breaking: false, what: `"${name}" (${type}) is new, column ${at + 1}` }],
  )
  return [...kept, ...added]
}

type OptionOf<C> = C extends WrittenContract ? Exclude<keyof C, 'version' | 'columns'> : never
type Option = OptionOf<WrittenContract>

/** Whether a change of an option changes the value of a row that has not changed itself, or how it is read, or whether there is a file: only then a reader can fail. */
const BREAKS: Readonly<Record<Option, (before: WrittenContract, was: unknown, is: unknown) => boolean>> = {
  format: always,
  delimiter: always,
  quote: always,
  escape: always,
  null: always,
  header: always,
  lineEnd: always,
  encoding: always,
  byteOrderMark: always,
  compression: always,
  formulas: (_, was, is) => was === 'escape' || is === 'escape',
  booleans: has('boolean'),
  decimalPoint: has('decimal', 'float32', 'float64'),
  dateFormat: has('date'),
  timestampFormat: has('timestamp', 'timestamptz'),
  zone: has('timestamptz'),
  sheet: always,
  // Given where there are such columns alone.
  bigNumbers: (_, was, is) => was !== null && is !== null,
  zeroRows: (_, __, is) => is === 'noFile',
  // A reader of one file would miss the others.
  split: (_, was) => was === null,
  // Any reader of CSV takes values with and without quotes; more or fewer decimal places are the same column.
  quoting: never,
  round: never,
  unfit: never,
  orderBy: never,
}

/** What does not depend on the format, and the format itself: of two formats nothing else is compared. */
const COMMON: readonly string[] = ['format', 'orderBy', 'round'] satisfies readonly Option[]

function optionChanges(before: WrittenContract, after: WrittenContract): ContractChange[] {
  const [all, now]: readonly Readonly<Record<string, unknown>>[] = [before, after]
  const names = (Object.keys(BREAKS) as Option[]).filter((name) => before.format === after.format || COMMON.includes(name))
  return names.flatMap((name): ContractChange[] => {
    const [was, is] = [all?.[name], now?.[name]]
    if (JSON.stringify(was) === JSON.stringify(is)) return []
    const what = `${name} was ${shown(was)} and is ${shown(is)}`
    return [{ kind: 'option', name, before: was, after: is, breaking: BREAKS[name](before, was, is), what }]
  })
}

function normal(type: string): string {
  return typeText(parseType(type))
}

function shown(value: unknown): string {
  return value === null || value === undefined ? 'not given' : JSON.stringify(value)
}

function always(): boolean {
  return true
}

function never(): boolean {
  return false
}

/** Whether one of the columns that were there has such values, alone or inside a list or struct. */
function has(...names: readonly ColumnType['name'][]): (before: WrittenContract) => boolean {
  const within = (type: ColumnType): boolean =>
    names.includes(type.name) ||
    (type.name === 'list' && within(type.of)) ||
    (type.name === 'struct' && type.fields.some((field) => within(field.type)))
  return ({ columns }) => columns.some(({ type }) => within(parseType(type)))
}
