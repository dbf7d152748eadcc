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
import type { CandidateFile, ExportCandidate, LoadCandidate, TargetCandidate } from './candidate.ts'
import { candidateFiles } from './candidate-files.ts'
import { compareApplied } from './compare-applied.ts'
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
  /** What tables that take landed loads one by one would take: only all together they can be compared. */
  let applied = new Map<LoadTarget, readonly Made[]>()
  const sampleOf = (table: string, partition: string) =>
    join(files.folder(partition), `sample-${hashOf(['load', table]).slice(0, 8)}.parquet`)

  async function keepLoad(target: LoadTarget, made: Made, partition: string, ctx: RunContext): Promise<void> {
    const { table } = target.load
    const { dataset, key, load, loads, tombstones, order } = made
    const before = kept.filter((each): each is LoadCandidate => each.stage === 'load' && each.target === table)
    let taken = before.reduce((sum, each) => sum + each.files.length + (each.tombstones?.length ?? 0), 0)
    const put = async (paths: readonly string[]) => {
      const all: CandidateFile[] = []
      for (const path of paths)
        all.push(await files.put(partition, `${key.slice(0, 12)}-${hashOf(table).slice(0, 8)}-${++taken}.parquet`, path))
      return all
    }
    const rows = await put(dataset.files)
    const gone = tombstones && (await put(tombstones))
    if (target.appliesLoadsOf.length > 0) applied.set(target, [...(applied.get(target) ?? []), made])
    else found.push(await compareLoad({ session, target, dataset, partition, sample: sampleOf(table, partition) }, ctx))
    const { name: _, files: __, ...what } = dataset
    const last = before.at(-1)
    const against = last
      ? { pipeline, table, partition, inputKey: last.inputKey, loads: last.loads }
      : (session.tokens.get(table, partition) ?? null)
    kept.push({
      ...{ stage: 'load', dataset: target.dataset, target: table, inputKey: key, ...what, files: rows, load, loads, against },
      ...(gone && { tombstones: gone }),
      ...(order !== undefined && { order }),
    })
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
      applied = new Map()
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
      for (const [target, loads] of applied) {
        const compared = { session, target, loads, sample: sampleOf(target.load.table, partition?.name ?? '') }
        const place = { stage: 'load', pipeline, dataset: target.dataset, table: target.load.table } as const
        found.push(
          await compareApplied(compared, ctx).catch((error: unknown) => {
            throw placed(error, place)
          }),
        )
      }
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
