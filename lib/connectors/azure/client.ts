import { Readable } from 'node:stream'
import { type Clock, systemClock } from '../../core/clock.ts'
import { TransientError } from '../../core/errors.ts'
import { retrying } from '../../core/retry.ts'
import type { Doing } from './answers.ts'
import { type Account, accountFor } from './credentials.ts'
import { errorOf } from './faults.ts'
import type { AzureOptions } from './options.ts'

/** What is known of whatever answers while one request is under way. */
export interface Attempt extends Account {
  /** Ends the request: the caller's signal, or nothing has moved for too long. */
  readonly abortSignal: AbortSignal
  /** A body that tells when bytes of it have gone. */
  bodyOf(bytes: Uint8Array): Buffer | (() => Readable)
}

/** The connection of one store: one client of the SDK, whose own retries are off. */
export interface Client {
  readonly clock: Clock
  /** One try. @throws TransientError, ConfigError and the rest of faults.ts; the signal's reason when it aborts */
  call<T>(doing: Doing, work: (attempt: Attempt) => Promise<T>, signal?: AbortSignal): Promise<T>
  /** The same for an answer that is read chunk by chunk. Throws TransientError when it breaks off or stalls. */
  download(doing: Doing, open: (attempt: Attempt) => Promise<AsyncIterable<unknown>>): Promise<AsyncIterable<Uint8Array>>
  /** Repeats what is safe to repeat: reads, and writes under a precondition. */
  retry<T>(work: (attempt: number) => Promise<T>, signal?: AbortSignal): Promise<T>
}

/** Opens no connection and loads no SDK before the first request. */
export function clientOf(options: AzureOptions, clock: Clock = systemClock): Client {
  const { timeoutMs = 60_000, retries = 5 } = options
  let loaded: Promise<Account> | undefined
  const account = () => {
    loaded ??= accountFor(options)
    return loaded
  }

  async function call<T>(doing: Doing, work: (attempt: Attempt) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const opened = await account()
    signal?.throwIfAborted()
    const watch = watchOf(timeoutMs, signal)
    try {
      return await watch.over(work({ ...opened, abortSignal: watch.signal, bodyOf: (bytes) => bodyOf(bytes, watch.moved) }))
    } catch (error) {
      throw reasonOf(error, watch, doing, opened, signal)
    } finally {
      watch.end()
    }
  }

  async function download(doing: Doing, open: (attempt: Attempt) => Promise<AsyncIterable<unknown>>): Promise<AsyncIterable<Uint8Array>> {
    const opened = await account()
    const watch = watchOf(timeoutMs)
    const failed = (error: unknown) => reasonOf(error, watch, doing, opened)
    try {
      const body = await watch.over(open({ ...opened, abortSignal: watch.signal, bodyOf: (bytes) => bodyOf(bytes, watch.moved) }))
      return chunks(body, watch, failed)
    } catch (error) {
      watch.end()
      throw failed(error)
    }
  }

  function reasonOf(error: unknown, watch: Watch, doing: Doing, { whence }: Account, signal?: AbortSignal): unknown {
    if (signal?.aborted) return signal.reason
    if (watch.stalled()) return stalledError(doing, timeoutMs)
    return errorOf(error, doing, whence)
  }

  return {
    clock,
    call,
    download,
    retry: (work, signal = new AbortController().signal) =>
      // The event's stage is never seen: a store has nobody to tell.
      retrying({ clock, signal, emit: () => undefined }, { stage: 'export', retries }, work),
  }
}

/** Watches one request: the SDK knows no limit of its own for a peer that is silent. */
interface Watch {
  readonly signal: AbortSignal
  /** Bytes have moved. */
  moved(): void
  /** Ends with `work`, or with the signal: what gives tokens does not heed it. */
  over<T>(work: Promise<T>): Promise<T>
  /** Nothing is waited for. */
  pause(): void
  stalled(): boolean
  end(): void
}

function watchOf(timeoutMs: number, signal?: AbortSignal): Watch {
  const controller = new AbortController()
  let stalled = false
  const late = () => {
    stalled = true
    controller.abort()
  }
  let timer = setTimeout(late, timeoutMs)
  const stop = () => controller.abort()
  signal?.addEventListener('abort', stop, { once: true })
  return {
    signal: controller.signal,
    moved: () => {
      clearTimeout(timer)
      timer = setTimeout(late, timeoutMs)
    },
    over: (work) => {
      const ended = new Promise<never>((_, reject) => {
        controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true })
      })
      return Promise.race([work, ended])
    },
    pause: () => clearTimeout(timer),
    stalled: () => stalled,
    end: () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    },
  }
}

async function* chunks(body: AsyncIterable<unknown>, watch: Watch, failed: (error: unknown) => unknown): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) {
      watch.pause()
      yield chunk as Uint8Array
      watch.moved()
    }
  } catch (error) {
    throw failed(error)
  } finally {
    watch.end()
  }
}

const SLICE = 64 * 1024

/** In slices, which the socket asks for as it sends. */
function bodyOf(bytes: Uint8Array, moved: () => void): Buffer | (() => Readable) {
  if (bytes.length <= SLICE) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return () =>
    Readable.from(
      (function* () {
        for (let at = 0; at < bytes.length; at += SLICE) {
          moved()
          yield bytes.subarray(at, at + SLICE)
        }
        moved()
      })(),
      { objectMode: false },
    )
}

function stalledError({ what, file }: Doing, timeoutMs: number): TransientError {
  return new TransientError(`cannot ${what}: timed out, nothing moved for ${timeoutMs / 1000} s`, {
    file,
    hint: 'check the network, and run again',
  })
}
