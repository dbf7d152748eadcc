/**
 * The limits of one connection where several processes of a run read from it: they hold for all of them together. `limit` names one of the connection's. A process that ends has given back what it held. What these
 * throw is no fault of the source: whoever keeps the limits is gone, and the run with it.
 */
export interface SharedLimits {
  /** How many sessions of the server this process may hold at once. */
  readonly sessions: number
  /** Resolves when one of `total` places is free, with what gives it back; rejects with the signal's reason when it aborts first. */
  take(limit: string, total: number, signal: AbortSignal): Promise<() => void>
  /** Books `cost` of what passes in a second, after all that was booked before, with at most `savedMs` saved up: how long to wait before going on. */
  book(limit: string, pass: { readonly cost: number; readonly perSecond: number; readonly savedMs: number }): Promise<number>
  /** Nothing that is booked from now on passes for so long. */
  hold(limit: string, ms: number): void
  /** Why a host is not to be asked now (core/breaker); undefined: it is, and `leave` says what came of it. */
  enter(host: string): Promise<string | undefined>
  /** `failed`: it did not answer, in these words. */
  leave(host: string, failed?: string): void
  /** The address of the server that the connection's `serve` has started, once for all processes. */
  served(): Promise<string>
}
