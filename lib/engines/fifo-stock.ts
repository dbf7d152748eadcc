import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFifos } from './fifo-source.ts'

/** FIFOs in one folder, used again: making some is a process, however many they are. */
export interface FifoStock {
  /** A path that nobody else has until it is given back. There is a FIFO only after `make`. */
  take(): string
  /** Sees to it that there are FIFOs at these paths, and at all others that are taken. @throws what `makeFifos` throws */
  make(paths: readonly string[]): Promise<void>
  /** `clean`: both its ends have been closed in good order, or never opened. Else it is removed. */
  giveBack(path: string, clean: boolean): Promise<void>
}

export function fifoStock(folder: string): FifoStock {
  const free: string[] = []
  const taken = new Set<string>()
  const made = new Set<string>()
  let count = 0
  let turn: Promise<unknown> = Promise.resolve()

  async function makeMissing(paths: readonly string[]): Promise<void> {
    if (paths.every((path) => made.has(path))) return
    const missing = [...new Set([...paths, ...taken])].filter((path) => !made.has(path))
    await mkdir(folder, { recursive: true })
    await makeFifos(missing)
    for (const path of missing) made.add(path)
  }

  return {
    take: () => {
      const path = free.pop() ?? join(folder, `${++count}.csv`)
      taken.add(path)
      return path
    },
    make: (paths) => {
      const mine = turn.then(() => makeMissing(paths))
      turn = mine.catch(() => undefined)
      return mine
    },
    giveBack: async (path, clean) => {
      if (!taken.delete(path)) return
      if (clean) return void free.push(path)
      made.delete(path)
      await rm(path, { force: true })
    },
  }
}

/** One stock for each workspace: what is in it goes with it. */
export function fifoStocks(name: string): (workspace: string) => FifoStock {
  const stocks = new Map<string, FifoStock>()
  return (workspace) => {
    const found = stocks.get(workspace) ?? fifoStock(join(workspace, name))
    stocks.set(workspace, found)
    return found
  }
}
