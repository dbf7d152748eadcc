import type { RunContext } from '../core/context.ts'
import { PermanentError } from '../core/errors.ts'
import type { Finding } from '../core/finding.ts'
import type { CheckContext } from './check.ts'

/** Something that has happened, to be told to somebody outside: the same bytes, however often it is told. */
export interface Notice {
  /** Told apart by this alone: letters and digits. */
  readonly id: string
  /** When it happened: UTC, ISO 8601. */
  readonly at: string
  /** JSON. */
  readonly body: string
  /** What of it a receiver may route by without reading the body. */
  readonly attributes: Readonly<Record<string, string>>
}

/** The receiver will not have this notice, whatever else it takes: others may be sent to it. */
export class NoticeRefused extends PermanentError {}

/**
 * Tells notices to one receiver. Called by the pipeline, one notice at a time, again until it returns: a receiver may be told twice, and tells by the id. It retries itself, for a minute or so, what may pass.
 * `send` returns when the receiver has said that it has the notice; what it throws otherwise says whether it helps to come again: TransientError, NoticeRefused for this notice alone, PermanentError for all of them.
 */
export interface Notifier {
  send(notice: Notice, ctx: Pick<RunContext, 'signal' | 'emit'>): Promise<void>
}

/** A configured receiver of notices, as `webhook` makes it. */
export interface NotifierConnection {
  readonly kind: string
  readonly settings: Readonly<Record<string, unknown>>
  /** Looks its secrets up, and opens no connection. @throws ConfigError for one that is missing or is none */
  openNotifier(name: string): Notifier
  /** Whether its server answers: for `millrace doctor`. Sends no notice. */
  check?(ctx: CheckContext): Promise<readonly Finding[]>
}
