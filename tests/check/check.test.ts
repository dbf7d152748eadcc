import { rmSync, truncateSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { check } from '../../lib/check/check.ts'
import { measureOf } from '../../lib/check/measure.ts'
import { accepted, between, freshness, matches, notNull, references, rowCount, ruleOfSql, unique, warn } from '../../lib/check/rules.ts'
import { scanOf } from '../../lib/check/scan.ts'
import type { Dataset } from '../../lib/core/dataset.ts'
import { CheckError, PermanentError } from '../../lib/core/errors.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { relationOfFiles } from '../../lib/engines/relation.ts'
import { sql } from '../../lib/transform/steps.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { type AnyCheck, run } from './checking.ts'

describe('check', () => {
  it('passes every rule about rows on an empty dataset', async () => {
    const rules = [notNull('v'), unique('v'), accepted('v', [1]), between('v', 0, 1), ruleOfSql(sql`v > 0`), rowCount({})]
    const { report } = await run({ v: 'int32' }, 'SELECT 1 AS v WHERE false', rules)
    expect(report).toMatchObject({ rows: 0, dataset: 'sales' })
    expect(report.rules.every((rule) => rule.passed)).toBe(true)
    expect(report.error).toBeUndefined()
  })

  it('takes odd column and dataset names', async () => {
    for (const odd of ['two words', 'it\'s "quoted"', 'Größe 漢字', 'select', 'semi;colon--', '$v', 'rows', 'r0']) {
      const columns = { [odd]: 'int32' }
      const folder = temporaryFolder()
      const name = `"${odd.replaceAll('"', '""')}"`
      const dataset = await datasetOf(folder, odd, columns, `SELECT unnest([1, 1, 5, NULL]) AS ${name}`)
      const rules: AnyCheck[] = [notNull(odd), unique(odd), accepted(odd, [1]), between(odd, 1, 4), references(odd, odd, odd)]
      const report = await check(
        {
          dataset,
          rules: [...rules, ruleOfSql({ engine: 'duckdb', text: `${name}.${name} < 5`, values: [] })],
          others: { [odd]: dataset },
          parameters: {},
        },
        testContext(),
      )
      expect(report.rules.map((rule) => rule.failed)).toEqual([1, 2, 1, 1, 0, 1])
      expect(report.rules[1]?.samples).toEqual([`${odd}=1`])
    }
  })

  it('gives one error for all failing rules, placed, and none for warnings', async () => {
    const select = 'SELECT * FROM (VALUES (1, -1), (1, 2)) AS t(id, v)'
    const { report, ctx } = await run({ id: 'int32', v: 'int32' }, select, [
      unique('id'),
      warn(between('v', 0, 10)),
      ruleOfSql(sql`v > 0`),
      notNull('id'),
    ])
    expect(report.error).toBeInstanceOf(CheckError)
    expect(report.error).toMatchObject({
      exitCode: 3,
      message: 'unique(id) failed for 2 of 2 rows: id=1; sql(v > 0) failed for 1 of 2 rows: v=-1 id=1',
      place: { pipeline: 'test', stage: 'check', dataset: 'sales', column: 'id', value: 'id=1' },
    })
    expect(ctx.events.map((event) => [event.type, 'phase' in event && event.phase, 'outcome' in event && event.outcome])).toEqual([
      ['stage', 'start', false],
      ['warning', false, false],
      ['stage', 'end', 'failed'],
    ])
  })

  it('tells a failing warning without data, and passes', async () => {
    const { report, ctx } = await run({ v: 'int32' }, 'SELECT -77 AS v', [
      warn(between('v', 0, 10)),
      warn(rowCount({ min: 5 })),
      warn(sql`v > 0`),
    ])
    expect(report.error).toBeUndefined()
    expect(report.rules[0]).toMatchObject({ severity: 'warn', passed: false, samples: ['v=-77'] })
    const warnings = ctx.events.filter((event) => event.type === 'warning')
    expect(warnings.map((event) => event.message)).toEqual([
      'between(v, 0, 10) failed for 1 of 1 rows',
      'rowCount(min 5) failed',
      'sql(v > 0) failed for 1 of 1 rows',
    ])
    expect(JSON.stringify(ctx.events)).not.toContain('-77')
  })

  it('scans the dataset once for all rules, and once more for each unique', async () => {
    const columns = { id: 'int32', v: 'int32', t: 'text', at: 'timestamptz' }
    const dataset = await datasetOf(temporaryFolder(), 'sales', columns, "SELECT 1 AS id, 1 AS v, 'a' AS t, now() AS at")
    const many: AnyCheck[] = Array.from({ length: 40 }, (_, i) => between('v', 0, i + 1))
    const rules = [
      ...many,
      notNull('id', 'v'),
      accepted('t', ['a']),
      matches('t', /a/),
      rowCount({ min: 1 }),
      freshness('at', '1d'),
      ruleOfSql(sql`v > 0`),
    ]
    expect(await scansOf(dataset, rules)).toBe(1)
    expect(await scansOf(dataset, [...rules, unique('id')])).toBe(2)
    expect(await scansOf(dataset, [...rules, unique('id'), unique('id', 'v')])).toBe(3)
    expect(await scansOf(dataset, [...rules, references('id', 'other', 'id')], 'other.parquet')).toBe(1)
  })

  it('judges many rules on many rows at once', async () => {
    const rules: AnyCheck[] = Array.from({ length: 100 }, (_, i) => between('v', 0, 100_000 + i))
    const { report } = await run({ v: 'int64' }, 'SELECT range AS v FROM range(100_201)', rules)
    expect(report.rules.map((rule) => rule.failed)).toEqual(Array.from({ length: 100 }, (_, i) => 200 - i))
    expect(report.rules[99]?.message).toBe(
      'between(v, 0, 100099) failed for 101 of 100,201 rows: v=100100, v=100101, v=100102, v=100103, v=100104, …',
    )
  })

  it('spills a unique that does not fit the memory limit', async () => {
    const dataset = await datasetOf(temporaryFolder(), 'sales', { v: 'text' }, 'SELECT md5(range::VARCHAR) AS v FROM range(6_000_000)')
    const limits = { memoryBytes: 256 * 2 ** 20, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }
    const report = await check({ dataset, rules: [unique('v')], others: {}, parameters: {} }, testContext({ limits }))
    expect(report.error).toBeUndefined()
  })

  it('stops when aborted, with the signal’s reason', async () => {
    const dataset = await datasetOf(temporaryFolder(), 'sales', { v: 'text' }, 'SELECT md5(range::VARCHAR) AS v FROM range(3_000_000)')
    const control = new AbortController()
    const reason = new Error('stop')
    setTimeout(() => control.abort(reason), 50)
    await expect(
      check({ dataset, rules: [unique('v')], others: {}, parameters: {} }, testContext({ signal: control.signal })),
    ).rejects.toBe(reason)
  })

  it('refuses files that do not hold the rows that the dataset says, or cannot be read', async () => {
    const dataset = await datasetOf(temporaryFolder(), 'sales', { v: 'int32' }, 'SELECT 1 AS v')
    const request = { rules: [ruleOfSql(sql`v > 0`)], others: {}, parameters: {} }
    await expect(check({ ...request, dataset: { ...dataset, rows: 2 } }, testContext())).rejects.toMatchObject({
      name: 'CheckError',
      message: 'the files of "sales" hold 1 rows where the dataset says 2',
    })
    truncateSync(dataset.files[0] ?? '', 10)
    await expect(check({ ...request, dataset }, testContext())).rejects.toBeInstanceOf(PermanentError)
    rmSync(dataset.files[0] ?? '')
    await expect(check({ ...request, dataset }, testContext())).rejects.toBeInstanceOf(PermanentError)
  })
})

/** How often the plan of the one statement reads the dataset's file. */
async function scansOf(dataset: Dataset, rules: readonly AnyCheck[], other?: string): Promise<number> {
  const folder = temporaryFolder()
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 2, temp: `${folder}/tmp` })
  try {
    if (other) await db.run(`COPY (SELECT 1 AS id) TO '${folder}/${other}' (FORMAT parquet)`)
    const ground = {
      columns: dataset.columns,
      relation: relationOfFiles(dataset.columns, dataset.files),
      others: { other: `SELECT id FROM read_parquet('${folder}/${other}')` },
      alias: 'sales',
      until: new Date(),
    }
    const measured = rules.map(({ rule, severity }, i) => ({ rule, severity, measure: measureOf(rule, ground, `_r${i}`), name: `r${i}` }))
    const { sql: statement, values } = scanOf(measured, ground)
    const [row] = await db.meta(`EXPLAIN (FORMAT json) ${statement}`, values)
    const plan = row?.explain_value ?? ''
    return [...plan.matchAll(/"name": "READ_PARQUET/g)].length - (other ? 1 : 0)
  } finally {
    db.close()
  }
}
