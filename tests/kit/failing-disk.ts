import { type Disk, disk } from '../../lib/core/disk.ts'

/** The failure of a disk operation that a test asked for. */
export class DiskFailed extends Error {
  readonly code = 'EIO'
}

export interface FailingDisk extends Disposable {
  /** Operations that were begun, the failed ones among them: `syncFile /x/y`. */
  readonly operations: readonly string[]
  readonly failed: boolean
}

/**
 * Makes the Nth operation of `disk` fail (1 is the first). `dead`: all later ones fail too, as after a kill: nothing is cleaned up. `once`: a fault that passes, after which a program may tidy up. `after`: the
 * operation is done, and then everything fails: a kill between two operations whose first one's reply is lost.
 */
export function failDisk(nth: number, mode: 'dead' | 'once' | 'after'): FailingDisk {
  const operations: string[] = []
  let failed = false
  const restore = wrapDisk((name, paths, work) => {
    operations.push(`${name} ${paths.join(' → ')}`)
    const here = operations.length === nth
    if (!here && !(failed && mode !== 'once')) return work()
    const fail = () => Promise.reject(new DiskFailed(`${name} ${paths.join(' → ')}: operation ${nth} fails`))
    failed = true
    return here && mode === 'after' ? work().then(fail) : fail()
  })
  return {
    operations,
    get failed() {
      return failed
    },
    [Symbol.dispose]: restore,
  }
}

/** Puts `around` between every caller of `disk` and its operations; gives the function that takes it away again. */
export function wrapDisk(around: (name: keyof Disk, paths: readonly string[], work: () => Promise<void>) => Promise<void>): () => void {
  const original = { ...disk }
  for (const name of Object.keys(original) as (keyof Disk)[]) {
    const operation = original[name] as (...args: readonly unknown[]) => Promise<void>
    const pair = name === 'rename' || name === 'link' || name === 'copy'
    const wrapped = (...args: readonly unknown[]) => around(name, args.slice(0, pair ? 2 : 1).map(String), () => operation(...args))
    Object.assign(disk, { [name]: wrapped })
  }
  return () => void Object.assign(disk, original)
}
