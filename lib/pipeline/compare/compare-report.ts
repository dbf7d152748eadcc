import type { ErrorReport } from '../report.ts'

/** A row that differs, each value as text. */
export interface RowExample {
  readonly kind: 'added' | 'removed' | 'changed'
  /** Where whole rows are compared, all of it. */
  readonly key: Readonly<Record<string, string | null>>
  /** The columns that changed. */
  readonly columns: readonly { readonly name: string; readonly before: string | null; readonly after: string | null }[]
}

/** What differs between what is there of one target and partition, and a candidate for its place. */
export interface TargetComparison {
  readonly stage: 'load' | 'export'
  readonly dataset: string
  /** Table or path. */
  readonly target: string
  /** The columns by which rows are told apart; none: whole rows are compared. */
  readonly key: readonly string[]
  /** Rows of what is there, and of the candidate: of a table that takes landed loads one by one rows of the keys that they bring or take, before and after them; of an append what is added alone. */
  readonly before: number
  readonly after: number
  readonly added: number
  readonly removed: number
  /** Rows of one key in both. */
  readonly kept: number
  /** Those of them that have another value anywhere. */
  readonly changed: number
  /** Columns with another value, and in how many of the kept rows. */
  readonly columns: readonly { readonly name: string; readonly changed: number }[]
  /** Columns that only the candidate has, those that only what is there has, and those of another type: their values are not compared. */
  readonly newColumns: readonly string[]
  readonly goneColumns: readonly string[]
  readonly retyped: readonly { readonly name: string; readonly before: string; readonly after: string }[]
  /** Of a merge: rows of the partition that nothing makes any more, and that stay, since a merge removes none. */
  readonly staying: number
  /** Of a merge: rows of the candidate that do not enter the table, since a later partition, or a row of a later cursor, has their key. */
  readonly superseded: number
  /** Nothing was there. */
  readonly first: boolean
  /** Why rows could not be compared. */
  readonly incomparable?: string
  /** A few of the rows that differ. */
  readonly examples: readonly RowExample[]
  /** Path of a Parquet file of up to 1,000 of them: `kind`, `key`, `columns`, `before`, `after`. */
  readonly sample?: string
}

/** What a comparison came to for one partition, or for what partitions share. */
export interface PartitionComparison {
  /** Its name; '' for what partitions share. */
  readonly partition: string
  /** `upToDate`: nothing would be made. */
  readonly outcome: 'equal' | 'different' | 'upToDate' | 'failed' | 'stopped' | 'notRun'
  readonly ms: number
  readonly targets: readonly TargetComparison[]
  readonly error?: ErrorReport
}

/** What `backfill --compare` came to. */
export interface CompareReport {
  readonly pipeline: string
  readonly profile: string
  readonly run: string
  /** UTC, ISO 8601. */
  readonly startedAt: string
  readonly endedAt: string
  readonly outcome: 'equal' | 'different' | 'failed' | 'interrupted'
  /** 0: nothing differs; 3: something does; else that of what failed. */
  readonly exitCode: number
  readonly partitions: readonly PartitionComparison[]
  /** Tables that take rows which are not decoded here. */
  readonly notCompared: readonly { readonly target: string; readonly why: 'undecoded' }[]
  /** Where the candidates lie. */
  readonly candidates: string
  readonly warnings: readonly string[]
}

/** Whether what is there and a candidate are not the same for whoever reads them. */
export function isDifferent({ added, removed, changed, newColumns, goneColumns, retyped, incomparable }: TargetComparison): boolean {
  return added + removed + changed + newColumns.length + goneColumns.length + retyped.length > 0 || incomparable !== undefined
}
