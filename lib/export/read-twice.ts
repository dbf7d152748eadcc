import { DamagedError } from '../core/errors.ts'

/** Reads once more what its store finds damaged: on the way it comes so once, in the store each time. @throws DamagedError where it is damaged again; what else `read` throws */
export async function readTwice<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error
    return read()
  }
}
