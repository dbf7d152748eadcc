import { readdir, rm } from 'node:fs/promises'
import { readRunRecord } from '../../observe/record.ts'
import { openLedger } from '../../state/ledger.ts'
import type { LedgerFacts } from '../../state/ledger-rows.ts'
import { partitionCode } from '../define/input-key.ts'
import { eachPipeline } from '../each-pipeline.ts'
import { type Project, statePaths } from '../project.ts'
import type { BrokenPipeline } from '../report.ts'
import { LOOKING, openSession } from '../run/open-session.ts'
import { partitionStates } from './states.ts'

/** What the ledger holds again. */
export interface RebuiltLedger {
  readonly runs: number
  readonly partitions: number
  readonly broken: readonly BrokenPipeline[]
}

/**
 * Makes the ledger anew from the commit points (landing, warehouse, deliveries) and the run records. What failed is known from records alone: a run that was killed has
 * left none. Of a pipeline that cannot be read the records alone are known.
 */
export async function rebuildLedger(project: Project): Promise<RebuiltLedger> {
  const paths = statePaths(project.config.state)
  const runs: LedgerFacts['runs'][number][] = []
  const ended: LedgerFacts['ended'][number][] = []
  const partitions = new Map<string, LedgerFacts['partitions'][number]>()
  for (const id of (await readdir(paths.runs).catch(() => [])).sort()) {
    const record = await readRunRecord(project.config.state, id)
    if (!record) continue
    const { run, pipeline, profile, startedAt, endedAt, outcome, exitCode, versions, forecast } = record
    runs.push({ run, pipeline, profile, startedAt, endedAt, outcome, exitCode, versions, ...(forecast && { forecast }) })
    for (const each of record.partitions) {
      ended.push({ run, pipeline, at: new Date(endedAt), report: each })
      const state = each.outcome === 'unchanged' ? 'done' : each.outcome
      if (state === 'notRun' || state === 'stopped') continue
      partitions.set(`${pipeline}\0${each.partition}`, {
        pipeline,
        partition: each.partition,
        state,
        at: endedAt,
        run,
        ...(each.error && { error: each.error.message }),
      })
    }
  }
  const { broken } = await eachPipeline(project, undefined, async (name) => {
    const { session, close } = await openSession(project, name, LOOKING)
    try {
      const now = project.clock(name).now()
      for (const { partition, state, stale } of await partitionStates(session, now)) {
        const key = `${name}\0${partition.name}`
        const known = partitions.get(key)
        if (state === 'done')
          partitions.set(key, {
            ...{ ...known, pipeline: name, partition: partition.name, state: 'done', at: known?.at ?? now.toISOString() },
            inputKey: stale ? '' : partitionCode(session.pipeline, session.steps),
          })
        else if (known?.state === 'done') partitions.delete(key)
      }
    } finally {
      await close()
    }
  })
  // What is broken beyond reading must not stand in the way of being rebuilt.
  for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(paths.ledger + suffix, { force: true })
  using ledger = openLedger(paths.ledger)
  ledger.rebuild({ runs, ended, partitions: [...partitions.values()] })
  return { runs: runs.length, partitions: partitions.size, broken }
}
