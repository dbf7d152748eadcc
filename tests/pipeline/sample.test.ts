import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Dataset } from '../../lib/core/dataset.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { sampleRows } from '../../lib/pipeline/define/sample.ts'
import { temporaryFolder } from '../kit/context.ts'

async function example() {
  const folder = temporaryFolder()
  const db = await openDuckDB({ memoryBytes: 256e6, threads: 2, temp: join(folder, 'spill') })
  const file = join(folder, 'a.parquet')
  await db.run(`COPY (SELECT * FROM (VALUES
    (2, 0.1::DOUBLE + 0.2::DOUBLE, 'b', [1, NULL], TIMESTAMPTZ '2018-02-04 01:30:00+00', {'x': 1, 'y': ''}),
    (1, NULL, '', NULL, NULL, NULL),
    (3, 'nan'::DOUBLE, NULL, [], NULL, NULL)) AS t("n", "f ""x", "-s", l, "at", s)) TO '${file}' (FORMAT parquet)`)
  const columns = { n: 'int32', 'f "x': 'float64', '-s': 'text', l: 'list(int32)', at: 'timestamptz', s: 'struct(x int32, y text)' }
  const dataset: Dataset = { name: 'a', columns, files: [file], rows: 3, hash: '' }
  return { db, dataset }
}

test('sampleRows gives text in the order asked for, floats without their noisy digits', async () => {
  const { db, dataset } = await example()
  expect(await sampleRows(db, dataset, { orderBy: ['n'], rows: 10 })).toEqual([
    ['1', null, '', null, null, null],
    ['2', '0.3', 'b', '[1, NULL]', '2018-02-04 01:30:00+00', "{'x': 1, 'y': ''}"],
    ['3', 'nan', null, '[]', null, null],
  ])
  expect((await sampleRows(db, dataset, { orderBy: ['-n'], rows: 2 })).map(([n]) => n)).toEqual(['3', '2'])
  // A column may begin with a minus itself: its own name wins. NULL comes last.
  expect((await sampleRows(db, dataset, { orderBy: ['-s'], rows: 3 })).map(([n]) => n)).toEqual(['1', '2', '3'])
  expect((await sampleRows(db, dataset, { orderBy: ['--s'], rows: 3 })).map(([n]) => n)).toEqual(['2', '1', '3'])
  db.close()
})

test('sampleRows names an unknown column', async () => {
  const { db, dataset } = await example()
  await expect(sampleRows(db, dataset, { orderBy: ['m'], rows: 1 })).rejects.toThrow('orderBy: "a" has no column "m"; did you mean "n"?')
  db.close()
})
