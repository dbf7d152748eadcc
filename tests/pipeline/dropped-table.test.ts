import { renameSync } from 'node:fs'
import { expect, test } from 'vitest'
import { dropTable } from '../kit/dataset.ts'
import { millrace } from '../kit/millrace.ts'
import { stockProject } from './stock.ts'

test('a table that was dropped is loaded again by a plain run, from what has landed', async () => {
  const project = stockProject()
  expect(await millrace(project, 'run', 'stock')).toMatchObject({ code: 0 })
  const rows = () => project.warehouse('SELECT * FROM stock ORDER BY ALL')
  const before = await rows()
  await dropTable(project.path('.millrace/dev/warehouse.duckdb'), 'stock')
  renameSync(project.path('data'), project.path('away'))
  expect((await millrace(project, 'status', 'stock')).stdout).toContain('2 due (krakow, wien)')
  // One partition makes the table anew: the other is still due.
  expect(await millrace(project, 'run', 'stock', '--only', 'load', '--partition', 'wien')).toMatchObject({ code: 0 })
  expect((await millrace(project, 'status', 'stock')).stdout).toContain('1 done; 1 due (krakow)')
  renameSync(project.path('away'), project.path('data'))
  expect((await millrace(project, 'run', 'stock')).stdout).toContain('partitions: 1 done')
  expect(await rows()).toEqual(before)
})
