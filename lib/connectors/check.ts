import type { RunContext } from '../core/context.ts'
import type { Extensions } from '../engines/extensions.ts'
import type { SourceRequest } from './requests.ts'

/**
 * What a connection's `check` is given: a run's context, and what else there is to look at. The contract of every `check`: called by `millrace doctor` once for each connection, all at once; looks, and leaves
 * everything as it was; asks once, without retries, and heeds the signal, which aborts after some seconds. A thing that is wrong is a Finding with what to do about it; what it throws counts as one fault.
 */
export interface CheckContext extends RunContext {
  /** What the connection is looked at as: one may be several things. */
  readonly role: 'source' | 'warehouse' | 'store' | 'notifier'
  readonly extensions: Extensions
  /** What the project's pipelines ask of a source; of a warehouse and a store: nothing. */
  readonly requests: readonly SourceRequest[]
  /** Tables that the project's pipelines load; of a source and a store: none. */
  readonly tables: readonly string[]
}
