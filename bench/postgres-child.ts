import { openProject } from '../lib/pipeline/project.ts'
import { run } from '../lib/pipeline/run/run.ts'
import type { Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// Runs one pipeline of bench/postgres as `millrace run` does: started by postgres.ts, answers over IPC with the stretch from the first stage's start to the last one's end of those that count.

process.once('message', async ({ pipeline, stages }: { readonly pipeline: string; readonly stages: readonly string[] }) => {
  const now = () => performance.timeOrigin + performance.now()
  const cpu = () => usageOf(process.pid).cpuSeconds
  let [from, to, cpuBefore] = [now(), now(), 0]
  let begun = false
  const project = await openProject(new URL('./postgres', import.meta.url).pathname)
  const report = await run(project, pipeline, {
    ...(stages.includes('land') && { only: 'land' as const }),
    events: {
      event: (event) => {
        if (event.type !== 'stage' || !stages.includes(event.stage)) return
        // Looking at all processes takes a millisecond, a time of day nothing: once before the first stage, and once after the run.
        if (!begun) [cpuBefore, from] = [cpu(), now()]
        begun = true
        to = now()
      },
      close: () => undefined,
    },
  })
  const failed = report.partitions.find(({ error }) => error)?.error
  if (report.outcome !== 'done') throw new Error(`${pipeline} ended ${report.outcome}: ${failed?.message}`)
  const stretch: Stretch = { from, to, cpuSeconds: cpu() - cpuBefore }
  process.send?.(stretch)
  process.disconnect?.()
})
