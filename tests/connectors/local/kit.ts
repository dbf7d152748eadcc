import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { local } from '../../../lib/connectors/local/index.ts'
import { temporaryFolder } from '../../kit/context.ts'

export function openStore(folder = join(temporaryFolder(), 'store')) {
  const store = local(folder).openStore()
  onTestFinished(() => store.close())
  return Object.assign(store, { folder })
}

/** All files under a folder but locks and owners. */
export const filesIn = (folder: string) =>
  (existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [])
    .filter((entry) => entry.isFile() && !entry.name.includes('.lock'))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()

export async function keysOf(store: ReturnType<typeof openStore>, prefix = '') {
  const keys: string[] = []
  for await (const key of store.list(prefix)) keys.push(key)
  return keys
}
