import { Readable } from 'node:stream'
import { ConfigError, NotFound, PreconditionFailed } from '../core/errors.ts'
import type { PutBody, PutOptions } from './store.ts'

// What the stores over a network have in common where an object is put, and what it is refused for.

/** @throws ConfigError */
export function refuseBoth({ ifAbsent, ifVersion }: Pick<PutOptions, 'ifAbsent' | 'ifVersion'>): void {
  if (ifAbsent && ifVersion !== undefined) throw new ConfigError('ifAbsent and ifVersion exclude each other')
}

/** @throws ConfigError */
export function refuseNul(prefix: string): void {
  if (prefix.includes('\0')) throw new ConfigError(`not a prefix: ${JSON.stringify(prefix)} has a NUL`)
}

export const isThere = (file: string) => new PreconditionFailed(`${file} is there already`, { file })

/** `version` where it tells more than that it is another. */
export const isOther = (file: string, wanted: string, version?: string) =>
  new PreconditionFailed(
    version === undefined ? `${file} is not version ${wanted}` : `${file} is version ${version}, not version ${wanted}`,
    { file },
  )

export const notFound = (file: string) => new NotFound(`no object ${file}`, { file })

/**
 * Puts a body: its stream ends with the put, whatever becomes of it, and an abort stops both. `find` says whether an object is there: one that must be absent, and is not, is refused before the body is read. What decides is
 * the write.
 */
export async function putting<T>(
  file: string,
  body: PutBody,
  options: PutOptions,
  find: () => Promise<unknown>,
  write: () => Promise<T>,
): Promise<T> {
  const { signal } = options
  const stream = 'stream' in body ? body.stream : undefined
  const stop = () => stream?.destroy(signal?.reason instanceof Error ? signal.reason : undefined)
  // A stream that fails while nobody reads it would end the process.
  if (stream instanceof Readable) stream.on('error', () => undefined)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    refuseBoth(options)
    signal?.throwIfAborted()
    if (options.ifAbsent && (await find())) throw isThere(file)
    return await write()
  } catch (error) {
    stream?.destroy()
    throw signal?.aborted ? signal.reason : error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** Removes an object as it is, again where it is replaced meanwhile; with a version, that one alone. */
export async function removing<T extends { readonly version: string }>(
  find: () => Promise<T | undefined>,
  wanted: string | undefined,
  remove: (current: T) => Promise<void>,
  refusal: (current: T, wanted: string) => PreconditionFailed,
): Promise<void> {
  for (;;) {
    const current = await find()
    if (!current) return
    if (wanted !== undefined && current.version !== wanted) throw refusal(current, wanted)
    try {
      return await remove(current)
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error
    }
  }
}
