import type { Stage } from '../../lib/core/errors.ts'
import { GRID_STATES, type GridPartition, type GridState, type PipelineGrid } from '../../lib/pipeline/state/grid-report.ts'

const STAGES: readonly Stage[] = ['extract', 'land', 'transform', 'check', 'load', 'export']

/** The name of the nth partition of a unit, from a time on. */
export function nameOf(unit: PipelineGrid['unit'], i: number): string {
  if (unit === undefined) return `shop-${i}`
  const date = new Date(Date.UTC(2005, 0, 3))
  if (unit === 'hour') date.setUTCHours(i)
  if (unit === 'day') date.setUTCDate(3 + i)
  if (unit === 'week') date.setUTCDate(3 + 7 * i)
  if (unit === 'month') date.setUTCMonth(i, 1)
  if (unit === 'year') date.setUTCFullYear(2005 + i)
  return date.toISOString().slice(0, { hour: 13, day: 10, week: 10, month: 7, year: 4 }[unit])
}

/** A grid of partitions of these states, each stage standing as its partition does. */
export function gridOfStates(unit: PipelineGrid['unit'], states: readonly GridState[], more: Partial<GridPartition> = {}): PipelineGrid {
  const partitions = states.map(
    (state, i): GridPartition => ({
      ...{ partition: nameOf(unit, i), state, stages: Object.fromEntries(STAGES.map((stage) => [stage, state])) },
      ...{ at: '2026-01-01T00:00:00.000Z', run: 'r1', attempts: 1, ms: 1234, peakBytes: 400_000_000 },
      ...(state === 'failed' && { error: 'no such table: the table\nis not there' }),
      datasets: STAGES.map((stage) => ({
        stage,
        dataset: 'sale',
        state,
        rows: 3,
        bytes: 100,
        ms: 200,
        attempts: 1,
        inputKey: 'abcdef0123456789',
      })),
      ...more,
    }),
  )
  const counts = Object.fromEntries(GRID_STATES.map((state) => [state, states.filter((each) => each === state).length]))
  return {
    ...{ pipeline: 'sales', profile: 'dev', at: '2026-01-02T00:00:00.000Z', stages: STAGES, partitions },
    ...(unit && { unit }),
    counts: counts as PipelineGrid['counts'],
  }
}
