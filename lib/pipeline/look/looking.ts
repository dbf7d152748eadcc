import { access, constants, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isErrno } from '../../core/disk.ts'
import { type Ledger, openLedger, readLedger } from '../../state/ledger.ts'
import { statePaths } from '../project.ts'

/** Where a command that commits nothing works. What was made for it goes when it is disposed of. */
export interface LookingPlace extends AsyncDisposable {
  /** The state's own workspaces, or a folder in the system's temporary one where the state may only be read. */
  readonly workspaces: string
  /** Whether the state may be written. */
  readonly writable: boolean
  ledger(): Ledger
}

/** Asks first: whoever may only read a profile's state is to see how it stands as well. */
export async function lookingPlace(state: string): Promise<LookingPlace> {
  const { workspaces, ledger } = statePaths(state)
  if ((await mayWrite(workspaces)) && (await mayWrite(state)))
    return { workspaces, writable: true, ledger: () => openLedger(ledger), [Symbol.asyncDispose]: async () => undefined }
  const folder = await mkdtemp(join(tmpdir(), 'millrace-looking-'))
  return {
    workspaces: folder,
    writable: false,
    ledger: () => readLedger(ledger),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Whether a folder can be written, or made. */
async function mayWrite(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK)
    return true
  } catch (error) {
    return isErrno(error, 'ENOENT') && dirname(folder) !== folder && (await mayWrite(dirname(folder)))
  }
}
