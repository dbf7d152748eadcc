import type { Partition } from '../define/partitions.ts'
import type { ShowResult } from '../report.ts'
import { undecodedLoad } from '../run/load-undecoded.ts'
import type { Session } from '../run/session.ts'

/** What can be said of a dataset that has landed undecoded: columns and counts, and where its rows can be queried. @throws ConfigError where it has not */
export async function showUndecoded(session: Session, dataset: string, partition: Partition | undefined): Promise<ShowResult> {
  const { pipeline } = session
  const { columns, rows, files, undecoded } = await undecodedLoad(session, dataset, partition)
  return {
    pipeline: pipeline.definition.name,
    dataset,
    partition: partition?.name ?? '',
    columns,
    rows,
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    undecoded: {
      format: undecoded.format,
      bytes: undecoded.bytes,
      columns: Object.fromEntries(undecoded.columns.map(({ name, type }) => [name, type])),
      tables: pipeline.targets.flatMap((target) => (target.stage === 'load' && target.dataset === dataset ? [target.load.table] : [])),
    },
    sample: [],
  }
}
