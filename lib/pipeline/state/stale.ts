import type { Stale } from '../../observe/report.ts'

/** What is said of a pipeline's partitions, all of them and in their order, of which some are stale; undefined where none is. */
export function staleReport(pipeline: string, all: readonly { readonly partition: string; readonly stale: boolean }[]): Stale | undefined {
  const partitions = all.flatMap(({ partition, stale }) => (stale ? [partition] : []))
  const [first, last] = [partitions[0], partitions.at(-1)]
  if (first === undefined) return undefined
  // Without an end an open partition, too, would be run.
  const next = all[all.findIndex(({ partition }) => partition === last) + 1]?.partition
  const choice = partitions.length === 1 ? `--partition ${first}` : `--from ${first}${next === undefined ? '' : ` --to ${next}`}`
  return { partitions, again: `millrace run ${pipeline} ${choice}` }
}
