import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunRecord } from '../../../lib/observe/record.ts'
import type { StepReport } from '../../../lib/observe/report.ts'

/** What does not add up in the records of all runs of a profile; a run that was killed has none. And how many records there are. */
export function imbalances(state: string): { readonly records: number; readonly faults: readonly string[] } {
  const folder = join(state, 'runs')
  if (!existsSync(folder)) return { records: 0, faults: [] }
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('run.json'))
  const faults = files.flatMap((path) =>
    imbalancesOf(JSON.parse(readFileSync(join(folder, path), 'utf8')) as RunRecord).map((fault) => `${path}: ${fault}`),
  )
  return { records: files.length, faults }
}

/** The rows of a run's steps that do not add up (P8): each step's own, and what one step gives against what the next one takes. */
export function imbalancesOf({ partitions }: Pick<RunRecord, 'partitions'>): readonly string[] {
  const steps = partitions.flatMap((partition) => partition.steps).filter(({ outcome }) => outcome === 'done' || outcome === 'unchanged')
  return steps.flatMap((step) => {
    const { stage, partition, dataset, target = '', rows, counts } = step
    const wrong = (what: string) => [`${stage} ${partition} ${dataset} ${target}: ${what}`]
    const given = steps.filter((each) => each.partition === partition && each.dataset === dataset && each.outcome === 'done')
    if (stage === 'land') {
      // What has landed already is not read.
      if (counts === undefined && step.outcome === 'unchanged') return []
      if (rows === undefined || counts === undefined) return wrong('has no counts')
      const { read = -1, unchanged = 0, superseded = 0 } = counts
      return read === rows + unchanged + superseded
        ? []
        : wrong(`read ${read}, landed ${rows}, ${unchanged} unchanged, ${superseded} superseded`)
    }
    if (step.outcome === 'unchanged') return []
    if (stage === 'load') {
      if (rows === undefined || counts === undefined) return wrong('has no counts')
      const { dataset: of = -1, superseded = 0 } = counts
      if (of !== rows + superseded) return wrong(`took ${rows} of ${of} rows, ${superseded} superseded`)
      return moreOrLess(given, ['land', 'transform'], of).flatMap(wrong)
    }
    if (stage === 'export') return rows === undefined ? wrong('has no rows') : moreOrLess(given, ['transform'], rows).flatMap(wrong)
    return []
  })
}

/** What a dataset had when it was made, where this run has made it, against what was taken of it. */
function moreOrLess(steps: readonly StepReport[], from: readonly string[], taken: number): string[] {
  const made = steps.find(({ stage }) => from.includes(stage))
  return made === undefined || made.rows === taken ? [] : [`took ${taken} rows, where ${made.stage} gave ${made.rows}`]
}
