import { messageOf, TransientError } from '../../core/errors.ts'
import type { HttpOptions } from './options.ts'

/** Calls `start`. @throws TransientError when it fails */
export async function startService(start: NonNullable<HttpOptions['start']>): ReturnType<NonNullable<HttpOptions['start']>> {
  try {
    return await start()
  } catch (error) {
    throw new TransientError(`the service of this connection did not start: ${messageOf(error)}`, { stage: 'extract', cause: error })
  }
}
