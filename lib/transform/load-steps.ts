import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Columns } from '../core/dataset.ts'
import { isErrno } from '../core/disk.ts'
import { ConfigError, messageOf, placed } from '../core/errors.ts'
import { requireKnown } from '../core/known-options.ts'
import type { LoadedStep } from './bound.ts'
import { FRAME, type Step } from './steps.ts'

type AnyStep = Step<string, Readonly<Record<string, Columns>>>

/** Reads the text of each SQL file (relative to the pipeline's folder) and gives plain functions the form of `{ frame }`. @throws ConfigError for a file that cannot be read or a step that is none. */
export async function loadStepTexts(steps: Readonly<Record<string, AnyStep>>, folder: string): Promise<Record<string, LoadedStep>> {
  return Object.fromEntries(
    await Promise.all(Object.entries(steps).map(async ([name, step]) => [name, await loadStep(name, step, folder)])),
  )
}

async function loadStep(dataset: string, step: AnyStep, folder: string): Promise<LoadedStep> {
  const place = { stage: 'transform', dataset } as const
  if (typeof step === 'function') return { engine: 'polars', frame: step }
  if (step !== null && typeof step === 'object' && 'frame' in step && typeof step.frame === 'function') {
    try {
      requireKnown('a frame', step, FRAME)
    } catch (error) {
      throw placed(error, place)
    }
    return { ...step, engine: 'polars', frame: step.frame }
  }
  if (step === null || typeof step !== 'object' || !('engine' in step) || step.engine !== 'duckdb')
    throw new ConfigError('a step must be sql`…`, sql.file(…), a function or { frame: function }', { ...place, value: typeof step })
  if (step.text !== undefined) return { ...step, text: step.text }
  const file = resolve(folder, step.file ?? '')
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR'))
      throw new ConfigError(`there is no SQL file ${file}`, { ...place, file, hint: "sql.file takes a path from the pipeline's folder" })
    throw new ConfigError(`cannot read the SQL file: ${messageOf(cause)}`, { ...place, file, cause })
  })
  return { ...step, text: text.replace(/^\uFEFF/, '') }
}
