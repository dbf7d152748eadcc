import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { copyDelivered, copyStatement, selectRows } from '../../lib/formats/parquet.ts'
import { temporaryFolder } from '../kit/context.ts'

test('selectRows gives rows that make the same file on any number of threads, wherever they lie', async () => {
  const folder = temporaryFolder()
  const made: Buffer[] = []
  for (const [threads, before] of [
    [1, 1000],
    [2, 1000],
    [2, 0],
  ] as const) {
    const db = await openDuckDB({ memoryBytes: 2 ** 28, threads, temp: join(folder, 'spill') })
    const [all, part] = [join(folder, 'all.parquet'), join(folder, 'part.parquet')]
    await db.run(copyStatement(`SELECT range - ${before} AS c0, 'row ' || c0 AS c1 FROM range(${before + 130_000})`, all))
    const rows = await db.run(copyDelivered(selectRows(all, ['id', 'name'], [before, before + 125_000]), part, 'zstd'))
    expect(rows).toBe(125_000)
    made.push(readFileSync(part))
    db.close()
  }
  for (const each of made) expect(made[0]?.equals(each)).toBe(true)
})
