import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Clock, elapsedMs, systemClock } from '../core/clock.ts'
import { disk } from '../core/disk.ts'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { HeldError, PermanentError, type TransientError } from '../core/errors.ts'
import { keyPart } from '../core/key-part.ts'
import { refusedBySqlite } from './sqlite-faults.ts'

export interface LockOptions {
  /** What the lock guards, for the error: `pipeline "quakes", partition 2018-02-04`. */
  readonly what: string
  readonly clock?: Clock
  readonly signal?: AbortSignal
  /** How long to wait for another holder. Default 0. */
  readonly waitMs?: number
}

/** A held lock. `release` may be called twice. */
export interface Lock extends Disposable {
  readonly path: string
  release(): void
}

const SQLITE_BUSY = 5
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 100

/**
 * Takes an exclusive lock: a SQLite transaction on the file `path`, held open. It ends with its process however that dies, it excludes other processes and other holders in this
 * process alike, and it is no PID file. The file stays when the lock is released, and nothing else may open it: POSIX locks of a process go when any descriptor of the file is closed.
 * @throws HeldError naming `what` when another holder does not let go within `waitMs`; the signal's reason when it aborts
 */
export async function lock(path: string, options: LockOptions): Promise<Lock> {
  const { what, clock = systemClock, signal, waitMs = 0 } = options
  signal?.throwIfAborted()
  try {
    if (!statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory()) await disk.mkdir(dirname(path))
  } catch (error) {
    throw refusedByDisk(error, dirname(path))
  }
  const begun = elapsedMs(clock)
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const taken = tryLock(path)
    if (taken) return taken
    const leftMs = waitMs - (elapsedMs(clock) - begun)
    if (leftMs <= 0) throw heldByAnother(what, waitMs)
    await clock.sleep(Math.min(pauseMs, leftMs), signal)
  }
}

/** Takes a lock if nobody holds it; undefined otherwise. The lock's folder must be there. */
export function tryLock(path: string): Lock | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    // Nothing is written, so there is nothing to roll back: a journal would be a second file to make and remove.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    if (isBusy(error)) return undefined
    const refused = refusedBySqlite(error, path)
    if (refused !== error) throw refused
    throw new PermanentError(`cannot lock ${path}: ${error instanceof Error ? error.message : error}`, {
      file: path,
      hint: 'the folder of the locks must be writable, on a disk of this machine',
      cause: error,
    })
  }
  return heldLock(path, database)
}

/** Whether somebody holds a lock, without taking it, and where its folder may only be read; false where there is no such lock. Not for a lock that is just being taken: this look may make it seem held. */
export function isHeld(path: string): boolean {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 0 })
    database.prepare('SELECT 1 FROM sqlite_schema').all()
    return false
  } catch (error) {
    return isBusy(error)
  } finally {
    database?.close()
  }
}

// A lock that its holder forgot must not go when its database is garbage-collected.
const held = new Set<DatabaseSync>()

function heldLock(path: string, database: DatabaseSync): Lock {
  held.add(database)
  const release = () => {
    if (!held.delete(database)) return
    database.close()
  }
  return { path, release, [Symbol.dispose]: release }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}

function heldByAnother(what: string, waitMs: number): TransientError {
  const waited = waitMs > 0 ? ` (waited ${Math.round(waitMs / 1000)} s)` : ''
  return new HeldError(`another run is at work on ${what}${waited}`, { hint: 'wait until it has ended, then run again' })
}

/** The lock of one partition of a pipeline, under the folder of locks. */
export function partitionLock(folder: string, pipeline: string, partition: string): { readonly path: string; readonly what: string } {
  return {
    path: join(folder, keyPart(pipeline), `partition-${keyPart(partition)}.lock`),
    what: `pipeline "${pipeline}", partition ${partition}`,
  }
}

/** The lock of what all partitions of a pipeline share (datasets without partitions), under the folder of locks. */
export function sharedLock(folder: string, pipeline: string): { readonly path: string; readonly what: string } {
  return { path: join(folder, keyPart(pipeline), 'shared.lock'), what: `the shared datasets of pipeline "${pipeline}"` }
}

/** The lock under which a pipeline is run because it is due by its schedule, under the folder of locks. */
export function scheduleLock(folder: string, pipeline: string): { readonly path: string; readonly what: string } {
  return { path: join(folder, keyPart(pipeline), 'schedule.lock'), what: `the scheduled run of pipeline "${pipeline}"` }
}

/** The lock of a named delivery's switch, under the folder of locks. */
export function deliveryLock(folder: string, pipeline: string, delivery: string): { readonly path: string; readonly what: string } {
  return {
    path: join(folder, keyPart(pipeline), `delivery-${keyPart(delivery)}.lock`),
    what: `the delivery "${delivery}" of pipeline "${pipeline}"`,
  }
}

/** The lock under which a pipeline's receivers are told, under the folder of locks: two at once would tell them twice, and out of order. */
export function noticesLock(folder: string, pipeline: string): { readonly path: string; readonly what: string } {
  return { path: join(folder, keyPart(pipeline), 'notices.lock'), what: `the notices of pipeline "${pipeline}"` }
}

/** The lock under which one dataset of a partition lands, short of the partition's own: a look-back lands earlier partitions. */
export function landingLock(
  folder: string,
  pipeline: string,
  dataset: string,
  partition: string,
): { readonly path: string; readonly what: string } {
  return {
    path: join(folder, keyPart(pipeline), `landing-${keyPart(dataset)}-${keyPart(partition)}.lock`),
    what: `the landing of "${dataset}" of pipeline "${pipeline}", partition ${partition}`,
  }
}
