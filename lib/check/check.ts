import type { RunContext } from '../core/context.ts'
import type { Dataset, TimeWindow } from '../core/dataset.ts'
import type { CheckError } from '../core/errors.ts'
import type { SqlValues } from '../engines/duckdb.ts'
import type { Check, Severity } from './rules.ts'

export interface CheckRequest {
  readonly dataset: Dataset
  /** `sql` rules come through `ruleOfSql`. Bound before by `bindRules`. */
  readonly rules: readonly Check<string, string, string, string>[]
  /** The datasets that `references` rules name. */
  readonly others: Readonly<Record<string, Dataset>>
  readonly window?: TimeWindow
  /** IANA zone of naive timestamps and dates. Default UTC. */
  readonly zone?: string
  /** What `sql` rules may name as `$name`: the pipeline's parameters, `start`, `end`, `partition`. */
  readonly parameters: SqlValues
}

/** What one rule found. */
export interface RuleReport {
  /** As a person reads it: `unique(store_id, day)`. */
  readonly rule: string
  readonly severity: Severity
  readonly passed: boolean
  /** Rows that fail; 0 for a rule about the dataset as a whole (`rowCount`, `freshness`). */
  readonly failed: number
  /** Up to five rows that fail, as `store_id=1 day=2005-05-24`. Data: for errors and reports, never for events. */
  readonly samples: readonly string[]
  /** Absent when the rule passed: `unique(store_id, day) failed for 3 of 1,200 rows: store_id=1 day=2005-05-24, …`. */
  readonly message?: string
}

export interface CheckReport {
  readonly dataset: string
  readonly rows: number
  readonly rules: readonly RuleReport[]
  /** Present when a rule of severity `error` failed: the caller throws it where load and export of this dataset would begin. */
  readonly error?: CheckError
}

/**
 * Runs all rules of a dataset as one statement of one scan, in an engine of its own. Failing rules of severity `warn` are emitted as warnings, without data. Emits a stage event at
 * start and end.
 * @throws CheckError when a `sql` rule cannot be computed on the data (a cast that fails), or the files do not hold the rows that the dataset says
 */
export async function check(_request: CheckRequest, _ctx: RunContext): Promise<CheckReport> {
  throw new Error('not built yet')
}
