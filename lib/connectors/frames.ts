/** A column of frames, and its type in the words of the systems that speak the format: `numeric(12,2)`. */
export interface FrameColumn {
  readonly name: string
  readonly type: string
}

/** What one sending came to. */
export interface Sent {
  /** As the sender counts them, after the last byte. */
  readonly rows: number
  readonly bytes: number
}

/** Takes a chunk, whose memory is used again when it has resolved: then the next one comes. */
export type TakeFrames = (chunk: Uint8Array) => Promise<void>

/**
 * The rows of one dataset as the bytes of a system's own bulk format: nothing of ours reads or changes them. A warehouse that speaks the same `format` takes them as they are, so its columns must have exactly
 * these types.
 *
 * Who receives calls `send`, once for each of its attempts: it gives all rows from the first one on, of one moment, and resolves once `take` has taken the last byte and the sender has said how many rows they are.
 * Everything else throws, an early end too, and a receiver must not keep what it has taken: the bytes say nothing of their own end. What `take` throws ends the sending, on the server as well, and comes back
 * as it is; so does the signal's reason. `send` itself tries nothing again: its ConnectionLost or TransientError says that another attempt may succeed.
 */
export interface Frames {
  readonly format: string
  /** In the order of the bytes. */
  readonly columns: readonly FrameColumn[]
  /** What these bytes mean depends on these facts about the sending system, and on no others; the format says which there can be. */
  readonly facts: Readonly<Record<string, number>>
  /** The rows are of this moment, or of a later one. */
  readonly asOf: Date
  /** What is sent, for messages: `public.payment of shop on 127.0.0.1:5432`. */
  readonly what: string
  send(take: TakeFrames, signal: AbortSignal): Promise<Sent>
  /** Runs `work`, which sends once, again where another attempt may succeed, as often as the sender's own settings allow: for a receiver that has no attempts of its own. */
  inAttempts<T>(work: () => Promise<T>): Promise<T>
}

/** What a configured connection says of frames, without being opened. */
export interface FrameSupport {
  readonly format: string
  /** Why these settings rule them out. */
  readonly refused?: string
}
