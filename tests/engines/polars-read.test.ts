import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { arrowFromParquet } from '../../lib/engines/arrow-write.ts'
import { loadPolars, scanParquet, sinkParquet } from '../../lib/engines/polars.ts'
import { readArrowInParts, readParquetInParts } from '../../lib/engines/polars-read.ts'
import { temporaryFolder } from '../kit/context.ts'

const READERS = { '.parquet': readParquetInParts, '.ipc': readArrowInParts } as const

for (const [ending, read] of Object.entries(READERS))
  test.each([0, 1, 4, 5, 9])(
    `${ending} is read in parts, in order, the last with the rest, none without columns: %i rows`,
    async (rows) => {
      const pl = await loadPolars()
      const folder = temporaryFolder()
      const parquet = join(folder, 'rows.parquet')
      const frame = pl.DataFrame({ x: Array.from({ length: rows }, (_, i) => i) }, { schema: { x: pl.Float64 } })
      await sinkParquet(frame.lazy(), parquet)
      const file = join(folder, `rows${ending}`)
      if (ending === '.ipc') await arrowFromParquet(parquet, [0, rows], file, new AbortController().signal)
      const parts = await read(file, join(folder, 'read'), 4)
      expect(parts.length).toBe(Math.max(1, Math.ceil(rows / 4)))
      const found = await Promise.all(parts.map((part) => scanParquet(pl, [part]).collect()))
      expect(found.map(({ height }) => height)).toEqual(parts.map((_, i) => Math.min(4, rows - 4 * i)))
      expect(found.flatMap((part) => [...part.getColumn('x')].map(Number))).toEqual(Array.from({ length: rows }, (_, i) => i))
      expect(readdirSync(folder).filter((name) => name.startsWith('read.'))).toHaveLength(parts.length)
    },
  )
