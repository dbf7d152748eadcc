import { openProject } from '../lib/pipeline/project.ts'
import { readerAhead } from '../lib/pipeline/run/reader-ahead.ts'
import type { Stretch } from './measured.ts'
import { usageOf } from './processes.ts'

// Runs the road as `millrace run` does, and notes when each stage began and ended: started by road.ts, answers over IPC.

interface Mark {
  readonly at: number
  readonly cpu: number
}

const now = () => performance.timeOrigin + performance.now()
const mark = (): Mark => ({ at: now(), cpu: usageOf(process.pid).cpuSeconds })

const begun = new Map<string, Mark>()
const ended = new Map<string, Mark>()
const start = mark()
const project = await openProject(new URL('./road', import.meta.url).pathname)
await readerAhead(project, 'road', undefined)
const { run } = await import('../lib/pipeline/run/run.ts')
const report = await run(project, 'road', {
  events: {
    event: (event) => {
      if (event.type !== 'stage') return
      const key = `${event.stage} ${event.dataset}`
      if (event.phase === 'start') begun.set(key, mark())
      else ended.set(key, mark())
    },
    close: () => undefined,
  },
})
const end = mark()

const stretch = (from: Mark | undefined, to: Mark | undefined): Stretch => {
  if (!from || !to) throw new Error(`a stage is missing among ${[...ended.keys()].join(', ')}`)
  return { from: from.at, to: to.at, cpuSeconds: to.cpu - from.cpu }
}

const failed = report.partitions.find(({ error }) => error)?.error
if (report.outcome !== 'done') throw new Error(`the road ended ${report.outcome}: ${failed?.message}`)
process.send?.({
  stages: {
    land: stretch(begun.get('extract lineitem'), ended.get('land lineitem')),
    sql: stretch(begun.get('transform priced'), ended.get('transform priced')),
    frame: stretch(begun.get('transform labelled'), ended.get('transform labelled')),
    check: stretch(begun.get('check priced'), ended.get('check priced')),
    load: stretch(begun.get('load priced'), ended.get('load priced')),
    export: stretch(begun.get('export labelled'), ended.get('export labelled')),
    whole: stretch(start, end),
  },
})
process.disconnect?.()
