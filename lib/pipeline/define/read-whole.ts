import type { SourceConnection } from '../../connectors/source.ts'
import type { AnyPipeline } from './definition.ts'

/** Whether a read of one window of a dataset goes through all that its source has: then one pass is read for all partitions of a run. `ask`: the source knows. */
export function isReadWhole(
  { extract }: Pick<AnyPipeline, 'extract'>,
  connections: Readonly<Record<string, SourceConnection>>,
  dataset: string,
): boolean | 'ask' {
  const { kind, expressions, forward, connection, request } = extract[dataset] ?? {}
  if (kind?.by !== 'window' || expressions || forward !== undefined || connection === undefined || !request) return false
  return connections[connection]?.readsWhole?.(request) ?? false
}
