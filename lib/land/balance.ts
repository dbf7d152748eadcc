import { CheckError } from '../core/errors.ts'
import type { Staged } from './request.ts'

/** @throws CheckError when the file of a read does not hold as many rows as were written into it */
export function requireBalance(staged: Staged, found: number): void {
  if (staged.rows === found) return
  throw new CheckError(`${staged.rows} rows were read, and ${found} are in the file that they were written to`, {
    hint: 'the disk or its memory is at fault: nothing was landed, run again',
  })
}
