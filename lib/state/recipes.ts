import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { disk, readText } from '../core/disk.ts'

/** What a part of an input key was made from: hashes of its pieces, in groups, by what a person calls each. Nothing but hashes: a parameter's value may be nobody's business. */
export type Recipe = Readonly<Record<string, Readonly<Record<string, string>>>>

/**
 * What the parts of input keys were made from, one small file for each part that was ever used, named by its digits; many partitions share one. It decides nothing: without it a commit is known to be of other code, or other inputs, and not of which.
 */
export interface Recipes {
  /** Remembers what digits stand for. Once for each in the life of this object; what cannot be written is forgotten. */
  keep(digits: string, recipe: Recipe): Promise<void>
  /** undefined where nobody has kept it, or the file cannot be read. */
  find(digits: string): Promise<Recipe | undefined>
}

/** Keeps recipes in a folder, which is made at the first one. */
export function recipesIn(folder: string): Recipes {
  const kept = new Set<string>()
  const found = new Map<string, Promise<Recipe | undefined>>()
  const fileOf = (digits: string) => join(folder, `${digits}.json`)
  return {
    async keep(digits, recipe) {
      if (kept.has(digits)) return
      kept.add(digits)
      const unfinished = join(folder, `${randomUUID()}.unfinished`)
      try {
        if ((await readText(fileOf(digits))) !== undefined) return
        await mkdir(folder, { recursive: true })
        await disk.write(unfinished, `${JSON.stringify({ format: 1, recipe }, null, 2)}\n`)
        await disk.rename(unfinished, fileOf(digits))
      } catch {
        await disk.removeTree(unfinished).catch(() => undefined)
      }
    },
    find(digits) {
      const known = found.get(digits) ?? read(fileOf(digits))
      found.set(digits, known)
      return known
    },
  }
}

async function read(file: string): Promise<Recipe | undefined> {
  try {
    const { format, recipe } = JSON.parse((await readText(file)) ?? '{}') as { readonly format?: number; readonly recipe?: Recipe }
    return format === 1 ? recipe : undefined
  } catch {
    return undefined
  }
}
