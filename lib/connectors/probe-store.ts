import { randomUUID } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { PreconditionFailed } from '../core/errors.ts'
import { type Finding, fault, fine } from '../core/finding.ts'
import type { Store } from './store.ts'

/**
 * For the `check` of any store: tries on it what landing and delivering need of it, with one small object under `_tmp/`, where nobody looks: create-if-absent, reading back, listing, both preconditions, deleting. The object is removed,
 * also when a step fails.
 */
export async function probeStore(store: Store, signal: AbortSignal): Promise<Finding> {
  const prefix = `_tmp/doctor-${randomUUID()}/`
  const key = `${prefix}probe`
  const content = 'millrace doctor was here'
  const begun = performance.now()
  let step = 'write'
  try {
    const first = await store.put(key, { bytes: content }, { ifAbsent: true, signal })
    step = 'read'
    if ((await text(await store.get(key))) !== content) return fault(step, `${key} is not what was written`)
    step = 'list'
    const keys: string[] = []
    for await (const each of store.list(prefix)) keys.push(each)
    if (keys.join() !== key) return fault(step, `${prefix} holds ${keys.length} objects where one was written`)
    step = 'preconditions'
    if (!(await refused(store.put(key, { bytes: 'again' }, { ifAbsent: true, signal })))) return notGuarded('create-if-absent')
    await store.put(key, { bytes: 'replaced' }, { ifVersion: first.version, signal })
    if (!(await refused(store.put(key, { bytes: 'lost' }, { ifVersion: first.version, signal })))) return notGuarded('replace-this-version')
    step = 'delete'
    await store.delete(key)
    if (await store.head(key)) return fault(step, `${key} is still there`)
    return fine('objects', `written, read, listed, guarded by preconditions, deleted in ${Math.round(performance.now() - begun)} ms`)
  } catch (error) {
    const { found, ...rest } = fault(step, error)
    return { ...rest, found: step === 'delete' ? `${found}; ${key} stays` : found }
  } finally {
    await store.delete(key).catch(() => undefined)
  }
}

async function refused(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return false
  } catch (error) {
    if (error instanceof PreconditionFailed) return true
    throw error
  }
}

function notGuarded(what: string): Finding {
  return fault('preconditions', `${what} overwrote an object`, {
    advice: 'use another store: on this one two runs can destroy each other’s work',
  })
}
