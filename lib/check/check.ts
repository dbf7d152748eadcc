import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { RunContext } from '../core/context.ts'
import type { Dataset, TimeWindow } from '../core/dataset.ts'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { CheckError, ConfigError, MillraceError, messageOf, PermanentError } from '../core/errors.ts'
import { bytesOfFiles } from '../core/files-bytes.ts'
import { quoteIdentifier } from '../core/quote.ts'
import { type DuckDB, openDuckDB, type SqlValues } from '../engines/duckdb.ts'
import type { OpenEngine } from '../engines/engine-pool.ts'
import { tellRows } from '../engines/query-progress.ts'
import { relationOfFiles } from '../engines/relation.ts'
import { vendorWords } from './bind.ts'
import { type Ground, measureOf } from './measure.ts'
import { type CheckReport, reportOf } from './report.ts'
import { ruleText } from './rule-text.ts'
import type { Check } from './rules.ts'
import { sampleRows } from './samples.ts'
import { findings, type MeasuredRule, scanOf } from './scan.ts'

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

/**
 * Runs all rules of a dataset as one statement over one scan, in an engine that it opens. Within that statement each `unique` groups its own columns in a pass beside the scan, and each `references` reads one
 * column of the other dataset; both spill. Only when a rule fails does a second statement fetch samples. Failing rules of severity `warn` are emitted as warnings, without data. Emits a stage event
 * at start and end.
 * @throws CheckError when a `sql` rule cannot be computed on the data (a cast that fails), or the files do not hold the rows that the dataset says
 */
export async function check(request: CheckRequest, ctx: RunContext, openEngine: OpenEngine = openDuckDB): Promise<CheckReport> {
  const { dataset } = request
  const about = { stage: 'check', dataset: dataset.name } as const
  const begun = performance.now()
  ctx.emit({ type: 'stage', phase: 'start', ...about })
  const read = { inputRows: dataset.rows, inputBytes: await bytesOfFiles(dataset.files), inputKey: dataset.hash }
  const ended = (outcome: 'done' | 'failed') =>
    ctx.emit({ type: 'stage', phase: 'end', ...about, rows: dataset.rows, ...read, ms: performance.now() - begun, outcome })
  try {
    const report = await runRules(request, ctx, openEngine)
    for (const { rule, severity, passed, failed } of report.rules) {
      if (!passed && severity === 'warn')
        ctx.emit({
          type: 'warning',
          ...about,
          message: failed > 0 ? `${rule} failed for ${failed} of ${report.rows} rows` : `${rule} failed`,
        })
    }
    ended(report.error ? 'failed' : 'done')
    return report
  } catch (error) {
    ended('failed')
    if (!(error instanceof MillraceError)) throw error
    throw error.at({ ...about, pipeline: ctx.pipeline, ...(ctx.partition !== undefined && { partition: ctx.partition }) })
  }
}

async function runRules(
  { dataset, rules, others, window, zone, parameters }: CheckRequest,
  ctx: RunContext,
  openEngine: OpenEngine,
): Promise<CheckReport> {
  const ground: Ground = {
    columns: dataset.columns,
    relation: relationOfFiles(dataset.columns, dataset.files),
    others: Object.fromEntries(Object.entries(others).map(([name, { columns, files }]) => [name, relationOfFiles(columns, files)])),
    alias: quoteIdentifier(dataset.name),
    until: window?.end ?? ctx.clock.now(),
  }
  const measured = rules.map(
    ({ rule, severity }, i): MeasuredRule => ({ rule, severity, measure: measureOf(rule, ground, `_r${i}`), name: `r${i}` }),
  )
  const db = await openEngine({
    memoryBytes: ctx.limits.memoryBytes,
    threads: ctx.limits.threads,
    temp: join(ctx.workspace, `check-${randomUUID()}`),
    zone: zone ?? 'UTC',
  })
  try {
    using _told = await tellRows(db, dataset.rows, ctx, { stage: 'check', dataset: dataset.name })
    const { rows, found } = findings(await scan(db, measured, ground, parameters, ctx.signal), measured)
    if (rows !== dataset.rows)
      throw new CheckError(`the files of "${dataset.name}" hold ${rows} rows where the dataset says ${dataset.rows}`)
    const failing = found.filter((finding) => !finding.passed)
    const samples = failing.length > 0 ? await sampleRows(db, failing, ground, parameters, ctx.signal) : new Map<string, string[]>()
    return reportOf(dataset.name, rows, found, samples, ground.until, ctx)
  } finally {
    db.close()
  }
}

async function scan(db: DuckDB, measured: readonly MeasuredRule[], ground: Ground, parameters: SqlValues, signal: AbortSignal) {
  try {
    const { sql, values } = scanOf(measured, ground)
    const [row] = await db.meta(sql, { ...parameters, ...values }, signal)
    return row ?? {}
  } catch (error) {
    if (signal.aborted) throw error
    const refused = refusedByDisk(error, 'the workspace')
    if (refused !== error) throw refused
    const message = messageOf(error)
    if (message.startsWith('Out of Memory Error'))
      throw new PermanentError(`the checks need more memory than their limit: ${vendorWords(error)}`, {
        cause: error,
        hint: 'raise --memory or limits.memory',
      })
    if (/^IO Error|^Invalid Input Error: .*(magic bytes|parquet)/is.test(message))
      throw new PermanentError(`the dataset cannot be read: ${vendorWords(error)}`, { cause: error })
    for (const each of measured) await tryAlone(each, db, ground, parameters, signal)
    throw error
  }
}

/** Blames an expression that cannot be computed on the data. */
async function tryAlone(each: MeasuredRule, db: DuckDB, ground: Ground, parameters: SqlValues, signal: AbortSignal): Promise<void> {
  if (each.rule.rule !== 'expression') return
  const { sql, values } = scanOf([each], ground)
  const given = { ...parameters, ...values }
  const missing = (await db.parameters(sql)).find((name) => given[name] === undefined)
  if (missing !== undefined) throw new ConfigError(`${ruleText(each.rule)}: $${missing} has no value in this run`)
  try {
    await db.meta(sql, given, signal)
  } catch (error) {
    if (signal.aborted) throw error
    throw new CheckError(`${ruleText(each.rule)} cannot be computed: ${vendorWords(error)}`, { cause: error })
  }
}
