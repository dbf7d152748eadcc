import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import { placed } from '../../core/errors.ts'
import { hashOf } from '../../core/hash.ts'
import { millraceVersion } from '../../core/version.ts'
import { makeAside } from '../../export/make-aside.ts'
import type { ExportTarget, LoadTarget, Target } from '../define/bind.ts'
import type { Aside } from '../run/aside.ts'
import type { Made } from '../run/made.ts'
import type { Session } from '../run/session.ts'
import type { ExportCandidate, LoadCandidate, TargetCandidate } from './candidate.ts'
import { candidateFiles } from './candidate-files.ts'
import { compareDelivery } from './compare-delivery.ts'
import { compareLoad } from './compare-load.ts'
import type { TargetComparison } from './compare-report.ts'

/** What sets aside and compares, and then tells what it has found. */
export interface ComparingAside extends Aside {
  /** What was found since it was last asked. */
  take(): readonly TargetComparison[]
}

/** Sets aside what a session makes, as candidates under this folder. */
export function comparingAside(session: Session, candidates: string): ComparingAside {
  const pipeline = session.pipeline.definition.name
  const files = candidateFiles(candidates, pipeline)
  let kept: TargetCandidate[] = []
  let found: TargetComparison[] = []

  async function keepLoad(target: LoadTarget, { dataset, key, load, loads }: Made, partition: string, ctx: RunContext): Promise<void> {
    const { table } = target.load
    const name = (n: number) => `${key.slice(0, 12)}-${hashOf(table).slice(0, 8)}-${n}.parquet`
    const put: LoadCandidate['files'] = []
    for (const [i, file] of dataset.files.entries()) put.push(await files.put(partition, name(i + 1), file))
    const sample = join(files.folder(partition), `sample-${hashOf(['load', table]).slice(0, 8)}.parquet`)
    found.push(await compareLoad({ session, target, dataset, partition, sample }, ctx))
    const { name: _, files: __, ...what } = dataset
    const against = session.tokens.get(table, partition) ?? null
    kept.push({ stage: 'load', dataset: target.dataset, target: table, inputKey: key, ...what, files: put, load, loads, against })
  }

  async function keepExport(target: ExportTarget, { dataset, key, isCurrent }: Made, partition: string, ctx: RunContext): Promise<void> {
    const request = {
      ...{ pipeline, dataset, export: target.export, partition: partition || undefined, inputKey: key, force: session.choices.force },
      ...(isCurrent && { isCurrent }),
    }
    const aside = await makeAside(request, session.exports, ctx, session.openEngine)
    const sample = join(files.folder(partition), `sample-${hashOf(['export', target.export.path]).slice(0, 8)}.parquet`)
    await files.prepare(partition)
    found.push(await compareDelivery({ session, target, aside, sample }, ctx))
    const { made, last } = aside
    const candidate: ExportCandidate = {
      ...{ stage: 'export', dataset: target.dataset, target: target.export.path, inputKey: key },
      ...{ columns: dataset.columns, rows: dataset.rows, against: last?.manifest ?? null },
      made: made ? { key: made.key, sha256: made.sha256 } : null,
    }
    kept.push(candidate)
  }

  return {
    begin: async (partition) => {
      kept = []
      found = []
      await files.remove(partition?.name ?? '')
    },
    keep: async (target: Target, made, partition, ctx) => {
      const place = { stage: target.stage, pipeline, dataset: target.dataset, ...(partition && { partition: partition.name }) }
      try {
        if (target.stage === 'load') await keepLoad(target, made, partition?.name ?? '', ctx)
        else await keepExport(target, made, partition?.name ?? '', ctx)
      } catch (error) {
        throw placed(error, place)
      }
    },
    end: async (partition, ctx) => {
      if (kept.length === 0) return false
      const run = { id: ctx.run, at: ctx.clock.now().toISOString(), millrace: millraceVersion }
      await files.write({ format: 1, pipeline, partition: partition?.name ?? '', targets: kept, run })
      return true
    },
    take: () => {
      const all = found
      found = []
      return all
    },
  }
}
