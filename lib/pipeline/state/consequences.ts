import { datasetOfName } from '../../transform/bound.ts'
import { type BoundPipeline, type Target, targetName } from '../define/bind.ts'
import { closureOf } from '../define/closure.ts'
import type { Cause, Consequence } from '../stale-report.ts'
import type { Change } from './changes.ts'

/** A target, and its partitions that a change has reached; of one without partitions none. */
export type Reached = ReadonlyMap<Target, readonly string[]>

/** Lays out a change and the targets that it has reached along the pipeline's datasets. */
export function causeOf(pipeline: BoundPipeline, { kind, name, what }: Change, begins: readonly string[], reached: Reached): Cause {
  const ending = kind === 'contract' || kind === 'table' || kind === 'renamed'
  const at = ending ? [...new Set([...reached.keys()].map(({ dataset }) => dataset))] : begins
  return { kind, name, what, follows: at.map((dataset) => consequenceOf(pipeline, dataset, reached, ending)) }
}

function consequenceOf(pipeline: BoundPipeline, dataset: string, reached: Reached, ending: boolean): Consequence {
  const targets = [...reached].flatMap(([target, partitions]) =>
    target.dataset === dataset ? [{ stage: target.stage, target: targetName(target), partitions, ...staying(target) }] : [],
  )
  const readers = ending ? [] : readersOf(pipeline, dataset).filter((reader) => leadsTo(pipeline, reader, reached))
  return { dataset, targets, derived: readers.map((reader) => consequenceOf(pipeline, reader, reached, ending)) }
}

function staying(target: Target): { readonly stays?: 'append' | 'merge' } {
  if (target.stage !== 'load' || target.appliesLoadsOf.length === 0) return {}
  return { stays: target.load.disposition.mode === 'append' ? 'append' : 'merge' }
}

function readersOf({ bound }: BoundPipeline, dataset: string): readonly string[] {
  return bound.order.filter((name) => bound.datasets[name]?.reads.some((read) => datasetOfName(read) === dataset))
}

function leadsTo(pipeline: BoundPipeline, dataset: string, reached: Reached): boolean {
  return [...reached.keys()].some((target) => closureOf(pipeline, target.dataset).some(({ name }) => name === dataset))
}
