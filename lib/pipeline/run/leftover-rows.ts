import { quoteIdentifier } from '../../core/quote.ts'
import { formatMany } from '../../observe/units.ts'
import { isNameOf } from '../define/partitions.ts'
import type { Session } from './session.ts'

/**
 * Warnings about tables that hold rows of partitions of another form than today's (days, where partitions are months now), or of keys that are none any more, by the warehouse's tokens: `replacePartition` replaces the rows of the
 * partition that it loads, and would leave those beside the new ones for ever. Days before a later `from` are of today's form: they may well be kept on purpose.
 */
export function leftoverRows({ pipeline, tokens }: Pick<Session, 'pipeline' | 'tokens'>): readonly string[] {
  const { name, partition } = pipeline.definition
  if (!partition) return []
  return pipeline.targets.flatMap((target) => {
    if (target.stage !== 'load' || !target.partitioned || target.load.disposition.mode !== 'replacePartition') return []
    const { table } = target.load
    const left = tokens.partitionsOf(table).filter((each) => !isNameOf(partition, each))
    const [first, last] = [left[0], left.at(-1)]
    if (first === undefined || last === undefined) return []
    const shown = first === last ? nameText(first) : `${nameText(first)} … ${nameText(last)}`
    const partitions = formatMany(left.length, 'partition')
    return [
      `table "${table}" still has the rows of ${partitions} that the pipeline no longer has (${shown}), beside those of today's; ` +
        `to have today's alone: DROP TABLE ${quoteIdentifier(table)} in the warehouse, then millrace run ${name}, which loads it again from what has landed`,
    ]
  })
}

/** A table that was loaded before there were partitions has one without a name. */
const nameText = (partition: string) => partition || 'the one without a name'
