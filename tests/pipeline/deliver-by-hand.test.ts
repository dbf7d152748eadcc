import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Latest } from '../../lib/export/manifest.ts'
import { renderSchema } from '../../lib/pipeline/define/schema-file.ts'
import { millrace } from '../kit/millrace.ts'
import { type TestProject, testProject } from '../kit/project.ts'

const contractText = (gate: string) =>
  `contract({ formulas: 'raw', columns: { id: 'int64', amount: 'int64' }, orderBy: ['id'], gate: ${gate} })`

const project = () =>
  testProject({
    'pipelines/p/pipeline.ts': `import { contract, csv, keys, pipeline, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: keys(['krakow', 'wien']),
  extract: { sale: source('data').files('{partition}.csv') },
  export: { sale: [
    csv('sales/{partition}.csv', { plain: true, contract: ${contractText('{ removed: 0.1, columns: { amount: 0.5 } }')} }),
    csv('all/{partition}.csv', { plain: true, delivery: 'set', contract: ${contractText('{ removed: 0.1 }')} }),
  ] },
})
`,
    // As plan writes it, so that it stays the code that this process has imported.
    'pipelines/p/schema.ts': renderSchema('p', { sale: { id: 'int64', amount: 'int64' } }),
    'data/krakow.csv': sales(20),
    'data/wien.csv': sales(5),
  })

function sales(rows: number): string {
  return `id,amount\n${Array.from({ length: rows }, (_, i) => `${i},${i * 10}\n`).join('')}`
}

const read = (p: TestProject, path: string) => readFileSync(p.path('.millrace/dev/export', path), 'utf8')
const latest = (p: TestProject, folder: string) => Latest.parse(JSON.parse(read(p, `${folder}/latest.json`)))
const plainRows = (p: TestProject, path: string) => read(p, path).trimEnd().split('\n').length - 1
const one = ['p', 'sales/{partition}.csv', '--partition', 'krakow'] as const

it('what is held is accepted, what was wrong is rolled back, and runs of the same input leave it so', async () => {
  const p = project()
  expect((await millrace(p, 'run', 'p')).code).toBe(0)
  p.write({ 'data/krakow.csv': sales(5) })
  const held = await millrace(p, 'run', 'p', '--partition', 'krakow', '--refresh')
  expect(held.code).toBe(3)
  expect(held.error).toContain('removed 15 of 20 rows (75 %), the contract allows 10 %')
  expect(held.error).toContain("millrace deliver accept p 'sales/{partition}.csv' --partition krakow --reason '…'")
  expect(plainRows(p, 'sales/krakow.csv')).toBe(20)

  expect((await millrace(p, 'status', 'p')).stdout).toContain(
    "sales/{partition}.csv krakow is held: removed 15 of 20 rows (75 %), the contract allows 10 %; if it is right: millrace deliver accept p 'sales/{partition}.csv' --partition krakow",
  )
  const planned = (await millrace(p, 'plan', 'p')).stdout
  expect(planned).toContain('1 held (krakow)')
  expect(planned).toContain('what is held waits for a person: millrace status p says why')
  const diff = await millrace(p, 'deliver', 'diff', ...one, '--sample', p.path('sample.parquet'))
  expect(diff.stdout).toContain('krakow: 1 against held')
  expect(diff.stdout).toContain('removed 15 of 20 rows (75 %)')
  expect(existsSync(p.path('sample.parquet'))).toBe(true)

  const accepted = await millrace(p, 'deliver', 'accept', ...one, '--reason', 'the shop is closed')
  expect(accepted.stdout).toMatch(/^sales\/\{partition\}.csv krakow: switch 2 leads to sales\/krakow\/manifest-\S+ \(5 rows, 1 file\)/)
  expect(plainRows(p, 'sales/krakow.csv')).toBe(5)
  expect(latest(p, 'sales/krakow')).toMatchObject({ switch: 2, accepted: { reason: 'the shop is closed' } })
  expect(existsSync(p.path('.millrace/dev/export/sales/krakow/held.json'))).toBe(false)
  expect((await millrace(p, 'deliver', 'accept', ...one, '--reason', 'again')).error).toContain(
    'nothing is held, and nothing was rolled back',
  )

  // The named delivery was not reached by that run: it is held by the next.
  const set = await millrace(p, 'run', 'p')
  expect(set.code).toBe(3)
  expect(set.error).toContain('all/krakow: removed 15 of 20 rows')
  expect((await millrace(p, 'plan', 'p')).stdout).toContain('held, as last seen: set; it waits for a person')
  const sampled = await millrace(p, 'deliver', 'diff', 'p', 'set', '--sample', p.path('rows.parquet'))
  expect(sampled.stdout).toContain('rows that differ: <project>/rows-all-krakow.parquet')
  expect(existsSync(p.path('rows-all-krakow.parquet'))).toBe(true)
  expect((await millrace(p, 'deliver', 'diff', 'p', 'set', '--sample', p.path('no/rows.parquet'))).error).toContain(
    'there is no folder <project>/no for the sample',
  )
  expect(plainRows(p, 'all/krakow.csv')).toBe(20)
  expect((await millrace(p, 'deliver', 'accept', 'p', 'set', '--reason', 'as above')).code).toBe(0)
  expect(plainRows(p, 'all/krakow.csv')).toBe(5)
  expect((await millrace(p, 'run', 'p')).stdout).toContain('nothing to do')
  expect((await millrace(p, 'status', 'p')).stdout).not.toContain('is held')
  expect((await millrace(p, 'plan', 'p')).stdout).not.toContain('held')

  const back = await millrace(p, 'deliver', 'rollback', ...one, '--reason', 'it was not closed')
  expect(back.stdout).toContain('switch 3')
  expect(plainRows(p, 'sales/krakow.csv')).toBe(20)
  expect((await millrace(p, 'deliver', 'rollback', 'p', 'set', '--reason', 'it was not closed')).code).toBe(0)
  expect(plainRows(p, 'all/krakow.csv')).toBe(20)
  expect((await millrace(p, 'run', 'p')).stdout).toContain('nothing to do')
  expect((await millrace(p, 'run', 'p', '--partition', 'krakow')).code).toBe(0)
  expect(latest(p, 'sales/krakow')).toMatchObject({ switch: 3, rolledBack: { reason: 'it was not closed' } })

  const history = JSON.parse((await millrace(p, 'deliver', 'history', ...one, '--json')).stdout)
  expect(history.deliveries[0].switches.map((each: { switch: number; rows: number }) => [each.switch, each.rows])).toEqual([
    ...[
      [3, 20],
      [2, 5],
      [1, 20],
    ],
  ])
  const text = (await millrace(p, 'deliver', 'history', 'p')).stdout
  expect(text).toContain('current; rolled back: it was not closed')
  expect(text).toContain('accepted: the shop is closed')

  const set2 = JSON.parse((await millrace(p, 'deliver', 'diff', 'p', 'set', '--from', '2', '--json')).stdout)
  expect(set2.compared).toEqual([expect.objectContaining({ path: 'all/{partition}.csv', partition: 'krakow', added: 15, removed: 0 })])
  expect((await millrace(p, 'deliver', 'verify', 'p')).stdout).toContain('sales/krakow: as delivered')
  expect((await millrace(p, 'deliver', 'prune', 'p', '--dry-run')).stdout).toMatch(
    // Of what waits no more: all deliveries stay.
    /would remove 2 .*\n {2}sales\/krakow\/sample-\S+\n {2}set\/all\/krakow\/sample-\S+$/m,
  )
  expect((await millrace(p, 'deliver', 'rollback', ...one, '--reason', 'x')).error).toContain('there is no earlier delivery')
  expect((await millrace(p, 'deliver', 'accept', ...one, '--reason', 'it was after all')).code).toBe(0)
  expect(plainRows(p, 'sales/krakow.csv')).toBe(5)
})

it('a plain copy that a killed rollback has not brought is brought by the next run, which does not undo the rollback', async () => {
  const p = project()
  await millrace(p, 'run', 'p')
  p.write({ 'data/krakow.csv': sales(19) })
  await millrace(p, 'run', 'p', '--partition', 'krakow', '--refresh')
  for (const name of ['sales/{partition}.csv', 'set'])
    await millrace(p, 'deliver', 'rollback', 'p', name, ...(name === 'set' ? [] : ['--partition', 'krakow']), '--reason', 'x')
  const { rmSync } = await import('node:fs')
  for (const path of ['sales/krakow.csv', 'all/krakow.csv']) rmSync(p.path('.millrace/dev/export', path))
  const { code, stdout } = await millrace(p, 'run', 'p')
  expect([code, stdout]).toEqual([0, expect.stringContaining('set, not switched, plain copies mended: 2 files, 25 rows')])
  expect([plainRows(p, 'sales/krakow.csv'), plainRows(p, 'all/krakow.csv')]).toEqual([20, 20])
  expect(latest(p, 'sales/krakow')).toMatchObject({ switch: 3, rolledBack: { reason: 'x' } })
  expect(latest(p, 'set')).toMatchObject({ switch: 3, rolledBack: { reason: 'x' } })
  expect((await millrace(p, 'run', 'p')).stdout).toContain('nothing to do')
})

it('what an accept that was killed after its switch has left waits no more, also once one has gone back', async () => {
  const p = project()
  await millrace(p, 'run', 'p')
  p.write({ 'data/krakow.csv': sales(5) })
  await millrace(p, 'run', 'p', '--partition', 'krakow', '--refresh')
  const record = read(p, 'sales/krakow/held.json')
  await millrace(p, 'deliver', 'accept', ...one, '--reason', 'closed')
  p.write({ '.millrace/dev/export/sales/krakow/held.json': record })
  expect((await millrace(p, 'status', 'p')).stdout).not.toContain('is held')
  expect((await millrace(p, 'deliver', 'rollback', ...one, '--reason', 'open')).code).toBe(0)
  expect((await millrace(p, 'status', 'p')).stdout).not.toContain('is held')
  expect(existsSync(p.path('.millrace/dev/export/sales/krakow/held.json'))).toBe(false)
})

it('what is asked wrongly is said in words', async () => {
  const p = project()
  for (const [words, message] of [
    [
      ['accept', 'p', 'sale/{partition}.csv', '--reason', 'x'],
      'no export to "sale/{partition}.csv" and no delivery of that name; did you mean "sales/{partition}.csv"?',
    ],
    [
      ['accept', 'p', 'all/{partition}.csv', '--reason', 'x'],
      '"all/{partition}.csv" is part of the delivery "set", and is switched with it',
    ],
    [['accept', 'p', 'sales/{partition}.csv', '--reason', 'x'], 'is delivered partition by partition: name one'],
    [['accept', 'p', 'sales/{partition}.csv', '--partition', 'krakov', '--reason', 'x'], 'no partition "krakov"; did you mean "krakow"?'],
    [['accept', 'p', 'set', '--partition', 'krakow', '--reason', 'x'], '"set" is delivered for all partitions as one'],
    [['accept', 'p', 'set', '--reason', 'x'], '"set" has never been delivered'],
    [['rollback', 'p', 'set', '--reason', ' '], 'deliver rollback needs --reason'],
    [['history', 'p', '--to', '3'], 'deliver history takes no --to'],
  ] as const) {
    const { code, error } = await millrace(p, 'deliver', ...words)
    expect([code, error]).toEqual([2, expect.stringContaining(message)])
  }
})
