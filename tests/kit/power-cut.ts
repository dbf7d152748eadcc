import { link, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { wrapDisk } from './failing-disk.ts'

/**
 * What of the names in a folder is there after the cut: `synced`: what an fsync of that folder has made durable, which is all that may be relied on; `live`: what a reader saw, as when the journal got
 * through in time. A cut may mix them folder by folder. Content is never more than what an fsync of the file has made durable: a name that survives without it is an empty file.
 */
export type Survival = (folder: string) => 'synced' | 'live'

export interface PowerCut extends AsyncDisposable {
  /** Operations that are done, in order: `syncFile a/b`, paths relative to the root. */
  readonly operations: readonly string[]
  /** Folders that were there at any time, relative to the root; '' is the root. */
  readonly folders: readonly string[]
  /** The files of such an image, each as its path and what decides its content: equal listings are equal images. */
  listing(after: number, survival: Survival): readonly string[]
  /** Makes `into` what the disk would hold had the power gone after the first `after` operations (0: before any). */
  image(after: number, survival: Survival, into: string): Promise<void>
}

/** The names in a folder: file or folder, by an id that stays with it when it is renamed. */
type Names = ReadonlyMap<string, { readonly id: string; readonly folder: boolean }>

interface Moment {
  /** Durable names of folders, by the folder's id. */
  readonly durable: ReadonlyMap<string, Names>
  /** Durable contents of files, by the file's id. */
  readonly contents: ReadonlyMap<string, Uint8Array>
  readonly live: ReadonlyMap<string, Names>
  readonly root: string
}

/**
 * Records what `disk` does under `root` (and which files of the same disk it fsyncs elsewhere, to be moved in), and what of it a power cut would leave at each instant. What is there already counts as durable. Contents are taken when a file is fsynced, so it does not
 * matter who wrote them. The recorder never opens a file that nobody fsyncs: SQLite's locks would be lost.
 */
export async function recordDisk(root: string): Promise<PowerCut> {
  // A second link keeps the inode of a file that was removed from being used again.
  const keep = await mkdtemp(join(dirname(root), '.power-cut-'))
  const operations: string[] = []
  const folders = new Set<string>([''])
  const moments: Moment[] = []
  let now: Moment

  async function moment(before: Pick<Moment, 'durable' | 'contents'>): Promise<Moment> {
    const live = new Map<string, Names>()
    const id = await survey(root, live, (folder) => folders.add(relative(root, folder)))
    return { ...before, live, root: id }
  }
  async function contentOf(path: string): Promise<[string, Uint8Array]> {
    const id = await identify(path)
    await link(path, join(keep, id)).catch(() => undefined)
    return [id, await readFile(path)]
  }
  async function synced(path: string, folder: boolean): Promise<Pick<Moment, 'durable' | 'contents'>> {
    if (!folder) return { durable: now.durable, contents: new Map(now.contents).set(...(await contentOf(path))) }
    const names = new Map<string, Names>()
    const id = await survey(path, names, () => undefined, 1)
    return { contents: now.contents, durable: new Map(now.durable).set(id, names.get(id) ?? new Map()) }
  }

  await mkdir(root, { recursive: true })
  now = await moment({ durable: new Map(), contents: new Map() })
  const contents = new Map<string, Uint8Array>()
  for (const path of await allFiles(root)) contents.set(...(await contentOf(path)))
  now = { ...now, durable: now.live, contents }
  moments.push(now)

  const momentAfter = (after: number): Moment => {
    const at = moments[after]
    if (!at) throw new RangeError(`there are ${moments.length - 1} operations, not ${after}`)
    return at
  }
  let turn: Promise<unknown> = Promise.resolve()
  const restore = wrapDisk((name, paths, work) => {
    const inside = paths.some((path) => path === root || path.startsWith(`${root}/`))
    // A file that is fsynced elsewhere may be moved in.
    if (!inside && name !== 'syncFile') return work()
    const done = turn.then(async () => {
      await work()
      const [path = ''] = paths
      const before = name === 'syncFile' || name === 'syncFolder' ? await synced(path, name === 'syncFolder') : now
      now = await moment(before)
      moments.push(now)
      operations.push(`${name} ${paths.map((each) => relative(root, each)).join(' → ')}`)
    })
    turn = done.catch(() => undefined)
    return done
  })

  return {
    operations,
    get folders() {
      return [...folders].sort()
    },
    listing: (after, survival) =>
      surviving(momentAfter(after), survival).map(({ path, id, content }) => `${path} ${content ? id : 'empty'}`),
    image: async (after, survival, into) => {
      await rm(into, { recursive: true, force: true })
      await mkdir(into, { recursive: true })
      for (const { path, content } of surviving(momentAfter(after), survival)) {
        await mkdir(dirname(join(into, path)), { recursive: true })
        await writeFile(join(into, path), content ?? '')
      }
    },
    [Symbol.asyncDispose]: async () => {
      restore()
      await turn
      await rm(keep, { recursive: true, force: true })
    },
  }
}

/** The files that survive, in no order. A folder without any is left out. */
function surviving(
  at: Moment,
  survival: Survival,
  id = at.root,
  folder = '',
): { path: string; id: string; content: Uint8Array | undefined }[] {
  const names = (survival(folder) === 'live' ? at.live : at.durable).get(id) ?? new Map()
  return [...names].flatMap(([name, entry]) => {
    const path = join(folder, name)
    return entry.folder ? surviving(at, survival, entry.id, path) : [{ path, id: entry.id, content: at.contents.get(entry.id) }]
  })
}

/** Takes down the names in a folder, and in those below it; gives the folder's id. */
async function survey(
  folder: string,
  found: Map<string, Names>,
  visit: (folder: string) => void,
  depth = Number.POSITIVE_INFINITY,
): Promise<string> {
  visit(folder)
  const names = new Map<string, { id: string; folder: boolean }>()
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name)
    try {
      const id = entry.isDirectory() && depth > 1 ? await survey(path, found, visit, depth - 1) : await identify(path)
      names.set(entry.name, { id, folder: entry.isDirectory() })
    } catch {
      // Removed meanwhile by something that is not recorded, as SQLite does with its journals.
    }
  }
  const id = await identify(folder)
  found.set(id, names)
  return id
}

async function identify(path: string): Promise<string> {
  const stats = await lstat(path, { bigint: true })
  return stats.isDirectory() ? `${stats.ino}-${stats.birthtimeNs}` : String(stats.ino)
}

async function allFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile() && !entry.name.includes('.lock')).map((entry) => join(entry.parentPath, entry.name))
}
