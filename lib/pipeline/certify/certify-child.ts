import { errorData } from '../../core/error-data.ts'
import type { CertifyJob, FromCertifyChild } from './job.ts'
import { setDateAhead } from './other-clock.ts'

// A process of its own: zone, locale and thread pools are a process's, and are set once. It is given one job, and goes with its parent.

const send = (message: FromCertifyChild) => void process.send?.(message)

process.on('disconnect', () => process.exit(1))
// Ctrl-C reaches the whole group: the parent ends this process.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {})

process.once('message', async (job: CertifyJob) => {
  try {
    if (job.setting.clockAheadMs !== undefined) setDateAhead(job.setting.clockAheadMs)
    const { makeUnits } = await import('./make-units.ts')
    send({ type: 'done', units: await makeUnits(job, (event, partition) => send({ type: 'event', event, partition })) })
  } catch (error) {
    send({ type: 'failed', error: errorData(error) })
  }
})
