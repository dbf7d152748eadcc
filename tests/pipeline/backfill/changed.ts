import { readFileSync } from 'node:fs'
import type { CompareReport } from '../../../lib/pipeline/compare/compare-report.ts'
import { millrace, type Seen } from '../../kit/millrace.ts'
import { type SalesProject, salesProject } from './project.ts'

export const PIPELINE = 'pipelines/sales/pipeline.ts'

/** The sales, and a changed pipeline of them: sums differ where the shop is a, one sale is missing, an export has a column more. */
export interface ChangedProject {
  readonly project: SalesProject
  readonly original: string
  readonly changed: string
  backfill(...args: readonly string[]): Promise<Seen>
  compare(...args: readonly string[]): Promise<{ readonly code: number; readonly report: CompareReport }>
}

export function changedProject(): ChangedProject {
  const project = salesProject()
  const original = readFileSync(project.path(PIPELINE), 'utf8')
  const changed = original
    .replace('sum(amount)', "sum(amount + CAST(shop = 'a' AS INT))")
    .replace('FROM sale JOIN', 'FROM (FROM sale WHERE id <> 11) AS sale JOIN')
    .replace("id: 'int32', shop: 'text' }", "id: 'int32', shop: 'text', sold: 'timestamp' }")
  const backfill = (...args: readonly string[]) => millrace(project, 'backfill', 'sales', ...args)
  const compare: ChangedProject['compare'] = async (...args) => {
    const { code, stdout } = await backfill('--compare', '--json', '--jobs', '2', ...args)
    return { code, report: JSON.parse(stdout) }
  }
  return { project, original, changed, backfill, compare }
}
