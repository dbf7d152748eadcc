import type { RunContext } from '../core/context.ts'
import { CheckError } from '../core/errors.ts'
import { columnsOf, ruleText } from './rule-text.ts'
import type { Severity } from './rules.ts'
import { SAMPLES } from './samples.ts'
import type { Finding } from './scan.ts'

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

/** The findings with their samples (by the finding's name) as a report, with one error for all rules of severity `error` that failed. */
export function reportOf(
  dataset: string,
  rows: number,
  found: readonly Finding[],
  samples: ReadonlyMap<string, readonly string[]>,
  until: Date,
  ctx: Pick<RunContext, 'pipeline' | 'partition'>,
): CheckReport {
  const rules = found.map((finding): RuleReport => {
    const own = samples.get(finding.name) ?? []
    const { severity, passed, failed } = finding
    return {
      rule: ruleText(finding.rule),
      severity,
      passed,
      failed,
      samples: own.slice(0, SAMPLES),
      ...(!passed && { message: messageFor(finding, rows, own, until) }),
    }
  })
  const first = found.findIndex(({ passed, severity }) => !passed && severity === 'error')
  const [finding, report] = [found[first], rules[first]]
  if (!finding || !report) return { dataset, rows, rules }
  const [column] = columnsOf(finding.rule)
  const [value] = report.samples
  const messages = rules.flatMap(({ severity, message }) => (severity === 'error' && message !== undefined ? [message] : []))
  const error = new CheckError(messages.join('; '), {
    pipeline: ctx.pipeline,
    stage: 'check',
    ...(ctx.partition !== undefined && { partition: ctx.partition }),
    dataset,
    ...(column !== undefined && { column }),
    ...(value !== undefined && { value: value.slice(0, 200) }),
    hint: 'mend the data at its source and run again with --refresh, or change the check',
  })
  return { dataset, rows, rules, error }
}

function messageFor({ rule, failed, newest }: Finding, rows: number, samples: readonly string[], until: Date): string {
  const text = ruleText(rule)
  if (rule.rule === 'rowCount') return `${text} failed: there are ${grouped(rows)} rows`
  if (rule.rule === 'freshness')
    return `${text} failed: ${newest === null ? 'there is no value' : `the newest value is ${newest}`}, and it should be at most ${rule.within} before ${until.toISOString()}`
  const shown = samples.length > SAMPLES ? [...samples.slice(0, SAMPLES), '…'] : samples
  return `${text} failed for ${grouped(failed)} of ${grouped(rows)} rows: ${shown.join(', ')}`
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
}
