import { type CheckRequest, check } from '../../lib/check/check.ts'
import type { Check } from '../../lib/check/rules.ts'
import type { Columns } from '../../lib/core/dataset.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'

export type AnyCheck = Check<string, string, string, string>
type Options = Partial<Omit<CheckRequest, 'dataset' | 'rules'>>

/** What `check` says of a dataset `sales` of these rows. */
export async function run(columns: Columns, select: string, rules: readonly AnyCheck[], options: Options = {}) {
  const dataset = await datasetOf(temporaryFolder(), 'sales', columns, select)
  const ctx = testContext()
  const report = await check({ dataset, rules, others: {}, parameters: {}, ...options }, ctx)
  return { report, ctx, dataset }
}

/** The one rule's outcome on a VALUES list of a column `v`. */
export async function outcome(type: string, values: string, rule: AnyCheck, options: Options = {}) {
  const { report } = await run({ v: type }, `SELECT * FROM (VALUES ${values}) AS t(v)`, [rule], options)
  const { passed, failed, samples, message } = report.rules[0] ?? { passed: undefined }
  return { passed, failed, samples, message }
}

/** The outcome of a rule that holds. */
export const passed = { passed: true, failed: 0, samples: [], message: undefined }
