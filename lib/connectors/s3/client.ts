import { type Clock, systemClock } from '../../core/clock.ts'
import { retrying } from '../../core/retry.ts'
import { type Doing, errorOfAnswer, errorOfNetwork, type Whence } from './faults.ts'
import type { S3Options } from './options.ts'
import { type S3Calls, type Sdk, sdkFor } from './sdk.ts'

/** What one request is given beside its input. */
export interface CallOptions {
  readonly abortSignal?: AbortSignal
}

/** The connection of one store: one client of the SDK. */
export interface Client {
  readonly clock: Clock
  /** One try of one request. @throws TransientError, ConfigError and the rest of faults.ts; the signal's reason when it aborts */
  call<T>(doing: Doing, ask: (calls: S3Calls, options: CallOptions) => Promise<T>, signal?: AbortSignal): Promise<T>
  /** The chunks of an answer's body, with what breaks it as an error of faults.ts. */
  chunks(doing: Doing, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** Repeats what is safe to repeat: reads, and writes under a precondition. */
  retry<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>
  /** When the server last answered, by its clock. */
  answered(): Promise<Date | undefined>
  close(): Promise<void>
}

/** Opens no connection and loads no SDK before the first request. */
export function clientOf(options: S3Options, clock: Clock = systemClock): Client {
  const { retries = 5 } = options
  const whence = whenceOf(options)
  let loaded: Promise<Sdk> | undefined
  const sdk = () => {
    loaded ??= sdkFor(options)
    return loaded
  }
  const errorOf = (error: unknown, doing: Doing, { isAnswer }: Sdk) =>
    isAnswer(error) ? errorOfAnswer(error, doing, whence) : errorOfNetwork(error, doing, whence)

  return {
    clock,
    call: async (doing, ask, signal) => {
      const opened = await sdk()
      signal?.throwIfAborted()
      try {
        return await ask(opened.calls, signal ? { abortSignal: signal } : {})
      } catch (error) {
        throw signal?.aborted ? signal.reason : errorOf(error, doing, opened)
      }
    },
    chunks: async function* (doing, body) {
      try {
        yield* body
      } catch (error) {
        throw errorOf(error, doing, await sdk())
      }
    },
    retry: (work, signal = new AbortController().signal) =>
      // The event's stage is never seen: a store has nobody to tell.
      retrying({ clock, signal, emit: () => undefined }, { stage: 'export', retries }, work),
    answered: async () => (await sdk()).answered(),
    close: async () => {
      const opened = await loaded?.catch(() => undefined)
      opened?.calls.destroy()
    },
  }
}

function whenceOf({ secretAccessKey, profile, endpoint }: S3Options): Whence {
  const credentials =
    secretAccessKey?.reference ?? (profile === undefined ? 'the default credentials of the AWS SDK' : `profile ${JSON.stringify(profile)}`)
  return { credentials, ...(endpoint !== undefined && { endpoint }) }
}
