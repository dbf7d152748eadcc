import { columnLimits, type Gate } from '../contract/gate-options.ts'
import type { Comparison } from './compare.ts'

/** In what a comparison is beyond a gate, a sentence each; nothing: it passes. */
export function beyondGate(gate: Gate, comparison: Comparison): readonly string[] {
  const { before, kept } = comparison
  const rows = (['removed', 'added', 'changed'] as const).flatMap((what) =>
    isBeyond(comparison[what], before, gate[what])
      ? [`${what} ${shareText(comparison[what], before)}, the contract allows ${percent(gate[what] ?? 0)}`]
      : [],
  )
  const columns = columnLimits(gate).flatMap(([column, limit]) => {
    const changed = comparison.columns.find(({ name }) => name === column)?.changed ?? 0
    return isBeyond(changed, kept, limit) ? [`${column} changed in ${shareText(changed, kept)}, the contract allows ${percent(limit)}`] : []
  })
  return [...rows, ...columns]
}

function isBeyond(count: number, of: number, limit: number | undefined): boolean {
  return limit !== undefined && of > 0 && count / of > limit
}

/** A gate for people: `removed 10 %, amount 2 %`. */
export function gateText(gate: Gate): string {
  const rows = (['removed', 'added', 'changed'] as const).flatMap((what) => {
    const limit = gate[what]
    return limit === undefined ? [] : [`${what} ${percent(limit)}`]
  })
  return [
    ...rows,
    ...columnLimits(gate).map(([column, limit]) => `${column} ${percent(limit)}`),
    ...(gate.key ? [`by ${gate.key.join(', ')}`] : []),
  ].join(', ')
}

/** `41 of 100 rows (41 %)`. */
export function shareText(count: number, of: number): string {
  return `${count} of ${of} rows${of === 0 ? '' : ` (${percent(count / of)})`}`
}

/** A share for people, two digits or more: `41 %`, `0.5 %`. What is not all is never called 100 %, and what is something never 0 %. */
export function percent(share: number): string {
  const hundredths = share * 100
  if (hundredths > 0 && hundredths < 0.01) return '< 0.01 %'
  const rounded = Number(hundredths < 1 ? hundredths.toPrecision(2) : hundredths.toFixed(hundredths < 10 || hundredths > 99 ? 2 : 1))
  return `${rounded === 100 && share < 1 ? '> 99.99' : rounded} %`
}
