import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { millrace } from '../../kit/millrace.ts'
import { changedProject, PIPELINE } from './changed.ts'

/** Shops are what partitions share: owners are counted in a table that is replaced, in one that is merged, and in a file. Made by the original; kept as `before`, when the pipeline is the changed one. */
export function sharedProject() {
  const { backfill, compare, project, original: sales } = changedProject()
  const original = sales
    .replace('merge, pipeline,', 'merge, pipeline, replace,')
    .replace('transform: {', 'transform: {\n    owners: sql`SELECT owner, CAST(count(*) AS INT) AS shops FROM shop GROUP BY owner`,')
    .replace('load: {', "load: { owners: [replace('owners'), merge('owner', { key: 'owner' })],")
    .replace(
      'export: {',
      "export: { owners: csv('owners.csv', { contract: contract({ formulas: 'raw', columns: { owner: 'text', shops: 'int32' }, orderBy: ['owner'] }), plain: true }),",
    )
  const changed = original
    .replace('CAST(count(*) AS INT)', "CAST(count(*) + CAST(owner = 'Ann' AS INT) AS INT)")
    .replace('FROM shop GROUP', "FROM shop WHERE owner <> 'Bob' GROUP")
  const candidates = () => readdirSync(project.path('.millrace/dev/candidates/sales')).sort()
  const made = async () => ({
    owners: await project.warehouse('SELECT owner, shops FROM owners ORDER BY ALL'),
    owner: await project.warehouse('SELECT owner, shops, _partition FROM owner ORDER BY ALL'),
    shop: await project.warehouse('SELECT shop FROM shop ORDER BY ALL'),
    file: readFileSync(project.path('.millrace/dev/export/owners.csv'), 'utf8'),
  })
  const prepare = async () => {
    const schema = readFileSync(project.path('pipelines/sales/schema.ts'), 'utf8')
    project.write({
      [PIPELINE]: original,
      'pipelines/sales/schema.ts': schema.replace('  daily:', "  owners: { owner: 'text', shops: 'int32' },\n  daily:"),
    })
    const first = await millrace(project, 'run', 'sales')
    expect(first.code, first.error).toBe(0)
    project.save('before')
    project.write({ [PIPELINE]: changed })
  }
  return { backfill, compare, project, candidates, made, prepare }
}
