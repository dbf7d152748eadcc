import { type BoundPipeline, targetName } from '../define/bind.ts'

/**
 * What plan says of merges of what is computed from changes, where keys that are gone land as tombstones: a tombstone has no row that could go through the step, so it reaches only a merge of the dataset
 * itself, and the table keeps the row.
 */
export function keepsGoneKeys({ definition, targets }: Pick<BoundPipeline, 'definition' | 'targets'>): string[] {
  return targets.flatMap((target) => {
    if (target.stage !== 'load' || target.load.disposition.mode !== 'merge') return []
    const deleting = target.appliesLoadsOf.filter((name) => {
      const kind = definition.extract[name]?.kind
      return name !== target.dataset && kind?.by === 'cursor' && kind.deletes === 'keys'
    })
    const table = targetName(target)
    return deleting.map(
      (name) =>
        `${target.dataset}: merge('${table}') keeps the rows of keys that are gone from ${name}, since it is computed from ${name}.changes; merge ${name} itself, or compute it from ${name} and load it by replace('${table}')`,
    )
  })
}
