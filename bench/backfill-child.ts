import { backfill } from '../lib/pipeline/backfill/backfill.ts'
import { openProject } from '../lib/pipeline/project.ts'
import type { Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// Backfills the benchmark's pipeline as `millrace backfill` does: started by backfill.ts, answers over IPC.

const [from, cpu] = [performance.timeOrigin + performance.now(), usageOf(process.pid).cpuSeconds]
const project = await openProject(new URL('./backfill', import.meta.url).pathname)
const report = await backfill(project, 'history', { to: process.env.BENCH_TO ?? '', jobs: Number(process.env.BENCH_JOBS) })
const failed = report.partitions.find(({ error }) => error)?.error
if (report.outcome !== 'done') throw new Error(`the backfill ended ${report.outcome}: ${failed?.message}`)
const stretch: Stretch = { from, to: performance.timeOrigin + performance.now(), cpuSeconds: usageOf(process.pid).cpuSeconds - cpu }
process.send?.(stretch)
process.disconnect?.()
