import { openProject } from '../lib/pipeline/project.ts'
import { run } from '../lib/pipeline/run/run.ts'
import type { Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// Runs the pipeline of bench/gcs as `millrace run` does: started by gcs.ts, answers over IPC with the stretch of its export.

const now = () => ({ at: performance.timeOrigin + performance.now(), cpu: usageOf(process.pid).cpuSeconds })
let [begun, ended] = [now(), now()]
const project = await openProject(new URL('./gcs', import.meta.url).pathname)
const report = await run(project, 'upload', {
  events: {
    event: (event) => {
      if (event.type !== 'stage' || event.stage !== 'export') return
      if (event.phase === 'start') begun = now()
      else ended = now()
    },
    close: () => undefined,
  },
})
if (report.outcome !== 'done')
  throw new Error(`the upload ended ${report.outcome}: ${report.partitions.find(({ error }) => error)?.error?.message}`)
const stretch: Stretch = { from: begun.at, to: ended.at, cpuSeconds: ended.cpu - begun.cpu }
process.send?.(stretch)
process.disconnect?.()
