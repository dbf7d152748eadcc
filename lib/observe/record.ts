import { arch, cpus, platform, totalmem } from 'node:os'
import { join } from 'node:path'
import { makeFolderDurable, readText, writeWhole } from '../core/disk.ts'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { redactJson } from '../core/secret.ts'
import type { ErrorReport, RunReport } from './report.ts'

/**
 * What `state/runs/<run>/run.json` holds: the report of the run with every step, file, count, duration and version, every landing manifest that it read (`prune` keeps
 * those), the machine, and the error that ended it.
 */
export interface RunRecord extends RunReport {
  readonly format: 1
  readonly error?: ErrorReport
  readonly machine: { readonly platform: string; readonly arch: string; readonly cpus: number; readonly memoryBytes: number }
}

/** The folder of a run's record. */
export function runFolder(state: string, run: string): string {
  return join(state, 'runs', run)
}

/** Writes a run's record durably (whole or not at all), at its end and at its failure; gives its path. Redacted. @throws PermanentError when the disk refuses */
export async function writeRunRecord(state: string, report: RunReport, error?: ErrorReport): Promise<string> {
  const folder = runFolder(state, report.run)
  const record: RunRecord = {
    format: 1,
    ...report,
    ...(error && { error }),
    machine: { platform: platform(), arch: arch(), cpus: cpus().length, memoryBytes: totalmem() },
  }
  const file = join(folder, 'run.json')
  try {
    await makeFolderDurable(folder)
    await writeWhole(file, `${JSON.stringify(redactJson(record), null, 2)}\n`)
    return file
  } catch (error) {
    throw refusedByDisk(error, file)
  }
}

/** A run's record; undefined when there is none, or when it cannot be read: a run that was killed leaves none. */
export async function readRunRecord(state: string, run: string): Promise<RunRecord | undefined> {
  const text = await readText(join(runFolder(state, run), 'run.json'))
  try {
    return text === undefined ? undefined : (JSON.parse(text) as RunRecord)
  } catch {
    return undefined
  }
}
