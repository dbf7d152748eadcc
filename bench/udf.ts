// What a UDF costs: the same function of one text column in SQL and in JavaScript, over the same rows, in turns. Prints rows/s of each and the ratio; docs/guide.md has the figure.
//   node bench/udf.ts [millions of rows]
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../lib/core/clock.ts'
import type { RunContext } from '../lib/core/context.ts'
import { sql, udf } from '../lib/index.ts'
import { bindSteps } from '../lib/transform/bind.ts'
import { loadStepTexts } from '../lib/transform/load-steps.ts'
import { transform } from '../lib/transform/run.ts'

const rows = Number(process.argv[2] ?? 2) * 1e6
const ROUNDS = 5

const shout = udf(['text'], 'text', (texts) => texts.map((text) => (text === null ? null : `${String(text).toUpperCase()}!`)))
const made = `SELECT 'customer ' || i AS name FROM range(${rows}) r(i)`
const steps = await loadStepTexts(
  {
    inSql: sql.with({})`SELECT max(upper(name) || '!') AS loudest FROM made`,
    inUdf: sql.with({ udf: { shout } })`SELECT max(shout(name)) AS loudest FROM made`,
    made: { ...sql``, text: made },
  },
  '.',
)
const bound = await bindSteps({ extracted: {}, steps, parameters: {}, partitioned: 'none', wanted: [] })

const folder = mkdtempSync(join(tmpdir(), 'millrace-udf-'))
const context: RunContext = {
  pipeline: 'bench',
  run: 'bench',
  clock: systemClock,
  signal: new AbortController().signal,
  workspace: folder,
  limits: { memoryBytes: 2 ** 30, threads: availableParallelism(), readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 },
  emit: () => {},
}

const times: Record<'inSql' | 'inUdf', number[]> = { inSql: [], inUdf: [] }
try {
  for (let round = 0; round < ROUNDS; round++)
    for (const name of ['inSql', 'inUdf'] as const) {
      const begun = performance.now()
      await transform(bound, { inputs: {}, wanted: [name], window: {}, parameters: {}, zone: 'UTC' }, context)
      times[name].push(performance.now() - begun)
    }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const best = (all: readonly number[]) => Math.min(...all)
const perSecond = (ms: number) => `${(rows / 1e3 / ms).toFixed(2)} M rows/s`
console.log(`SQL  ${perSecond(best(times.inSql))}`)
console.log(`UDF  ${perSecond(best(times.inUdf))}`)
console.log(
  `ratio ${(best(times.inUdf) / best(times.inSql)).toFixed(0)} (the best of ${ROUNDS} rounds of ${rows / 1e6} M rows, ${availableParallelism()} threads)`,
)
