import type { Source, SourceTools } from '../source.ts'
import type { Settings } from './options.ts'
import type { ServerUse } from './server.ts'

/** Opens the source of a postgres connection. */
export function openSource(_settings: Settings, _server: ServerUse, _tools: SourceTools): Source {
  throw new RangeError('not written yet')
}
