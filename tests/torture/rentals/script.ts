import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Step } from '../scenario.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** One run of the script; its source is a database of its own. */
export interface RentalsStep extends Omit<Step, 'files'> {
  readonly source: string
  /** What changes in the source before the run. */
  readonly changes: string
}

const change = (file: string) => readFileSync(join(ROOT, 'fixtures/rentals/three-loads', file), 'utf8')
const now = '2006-02-20T00:00:00Z'

/** The three loads of the golden test, over two months. */
export const SCRIPT: readonly RentalsStep[] = [
  { name: 'first load', now, args: [], source: 'sakila_1', changes: change('1-before.sql') },
  { name: 'changes', now, args: ['--from', '2005-07', '--to', '2005-09'], source: 'sakila_2', changes: change('2-changes.sql') },
  { name: 'correction', now, args: ['--partition', '2005-07', '--refresh'], source: 'sakila_3', changes: change('3-correction.sql') },
]

/** The rentals pipeline over two months, with an append beside: rows that are loaded twice are seen there first. And payments once more as nobody decodes them: from server to server, and by way of the landing zone. */
export function pipelineFiles(): Readonly<Record<string, string>> {
  const file = (name: string) => readFileSync(join(ROOT, 'pipelines/rentals', name), 'utf8')
  return {
    'pipelines/rentals/contract.ts': file('contract.ts'),
    'pipelines/rentals/revenue.sql': file('revenue.sql'),
    'pipelines/rentals/schema.ts': edited(file('schema.ts'), [
      ['  customer: {\n', `  passed: ${payment(file('schema.ts'))},\n  landed: ${payment(file('schema.ts'))},\n  customer: {\n`],
    ]),
    'pipelines/rentals/pipeline.ts': edited(file('pipeline.ts'), [
      ["{ from: '2005-05', to: '2006-03' }", "{ from: '2005-07', to: '2005-09' }"],
      ['import { between,', 'import { append, between,'],
      ['  extract: {\n', `  extract: {\n    passed: ${forwarded('true')},\n    landed: ${forwarded("'land'")},\n`],
      ['  transform: {\n', '  transform: {\n    moves: sql`SELECT customer_id, store_id, last_update FROM customer.changes`,\n'],
      [
        '  load: {\n',
        "  load: {\n    moves: append('customer_moves'),\n    passed: replacePartition('payment_passed'),\n    landed: replacePartition('payment_landed'),\n",
      ],
    ]),
  }
}

const forwarded = (forward: string) => `source('sakila').table('payment', { window: 'payment_date', forward: ${forward} })`

/** The columns of `payment`, as the schema says them. */
function payment(schema: string): string {
  const [, columns] = /payment: (\{[^}]*\})/.exec(schema) ?? []
  if (columns === undefined) throw new Error('the schema has no payment')
  return columns
}

/** @throws when a text is not there once */
export function edited(text: string, changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((before, [from, to]) => {
    if (before.split(from).length !== 2) throw new Error(`not there once: ${from}`)
    return before.replace(from, () => to)
  }, text)
}
