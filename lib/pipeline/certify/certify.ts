import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { GivenLimits } from '../../config/limits.ts'
import type { RunEvent } from '../../core/context.ts'
import { ConfigError, TransientError } from '../../core/errors.ts'
import { canonicalJson } from '../../core/hash.ts'
import { openDuckDB } from '../../engines/duckdb.ts'
import { errorReport } from '../../observe/error-report.ts'
import { type EventSink, silent } from '../../observe/events.ts'
import { stepHashes } from '../define/step-code.ts'
import { lookingPlace } from '../look/looking.ts'
import type { Project } from '../project.ts'
import { versions } from '../run/versions.ts'
import { openWorkspace } from '../run/workspace.ts'
import { type Certificate, type CertifyFailure, writeCertificate } from './certificate.ts'
import { chooseUnits } from './choose-units.ts'
import { Comparison } from './comparison.ts'
import type { MadeUnit } from './job.ts'
import { comparedDatasets } from './make-units.ts'
import { exportsOf } from './outputs.ts'
import { runChild } from './run-child.ts'
import { openScratch, type Scratch } from './scratch.ts'
import { AS_IS, type Setting, settingsFor } from './settings.ts'

export interface CertifyOptions {
  readonly partition?: string
  /** How many partitions. Default 5. */
  readonly sample?: number
  /** Limits of the command line, which the project was opened with. */
  readonly limits?: GivenLimits
  readonly events?: EventSink
  readonly signal?: AbortSignal
}

/** What was found, and where it is written; no file where the state may only be read. */
export interface Certified {
  readonly certificate: Certificate
  readonly file?: string
}

const SAMPLE = 5

/**
 * Computes partitions that have landed again and again, each time in a process of its own and with one thing changed: threads, zone, locale, clock, order of rows. What comes out is compared with the first
 * time, and what differs is named with its likely cause. Commits nothing: no source, warehouse or store of deliveries is opened. Writes a certificate.
 * @throws ConfigError where there is nothing to compute again; what the stages throw, where it cannot be computed as it is; TransientError where what has landed changed meanwhile
 */
export async function certify(project: Project, name: string, options: CertifyOptions = {}): Promise<Certified> {
  const { partition, sample = SAMPLE, events = silent } = options
  if (options.partition !== undefined && options.sample !== undefined)
    throw new ConfigError('--partition and --sample exclude each other: a partition is no sample')
  if (!Number.isInteger(sample) || sample < 1) throw new ConfigError(`--sample ${sample} is no number of partitions; it is at least 1`)
  const signal = options.signal ?? new AbortController().signal
  const startedAt = new Date().toISOString()
  const id = `${startedAt.replace(/[-:.Z]/g, '')}-${randomBytes(3).toString('hex')}`
  const { config } = project
  await using place = await lookingPlace(config.state)
  const workspace = await openWorkspace(place.workspaces, `certify-${id}`)
  let scratch: Scratch | undefined
  try {
    const clock = project.clock(name)
    scratch = await openScratch(project, name, { folder: join(workspace.folder, 'parent'), signal, clock })
    const { pipeline } = scratch.computing
    const units = await chooseUnits(scratch.computing, { ...(partition !== undefined && { partition }), sample }, clock.now())
    const settings = settingsFor(config.limits.threads, process.env)
    const environment = environmentOf(options.limits)
    const folderOf = (setting: Setting) => join(workspace.folder, setting.name.replace(/\W+/g, '-'))
    const make = (setting: Setting) => {
      const onEvent = (event: RunEvent, of: string | undefined) =>
        events.event(event, { pipeline: name, run: id, partition: `${of ?? 'shared'}, ${setting.name}` })
      const job = { project: config.folder, profile: config.profile, pipeline: name, units, setting, folder: folderOf(setting) }
      return runChild(job, { signal, environment, onEvent })
    }
    const first = await make(AS_IS)
    if ('error' in first) throw first.error
    const failures: CertifyFailure[] = []
    const comparison = new Comparison(pipeline, scratch.binder, first.units, signal)
    for (const setting of settings) {
      const made = await make(setting)
      if ('error' in made) failures.push({ setting: setting.name, when: setting.when, error: errorReport(made.error) })
      else {
        requireSameInputs(name, first.units, made.units)
        // One at a time has the run's memory: the child that computed, then the engine that compares.
        const db = await openDuckDB({ ...config.limits, temp: join(workspace.folder, 'spill') })
        await comparison.add(db, setting, made.units).finally(() => db.close())
      }
      await rm(folderOf(setting), { recursive: true, force: true })
    }
    const differences = await comparison.differences()
    const differs = failures.length > 0 || differences.some(({ tolerated }) => !tolerated)
    const datasets = [...new Set(units.flatMap((unit) => comparedDatasets({ pipeline }, unit)))]
    const certificate: Certificate = {
      format: 1,
      id,
      pipeline: name,
      profile: config.profile,
      outcome: differs ? 'differs' : 'certified',
      exitCode: differs ? 3 : 0,
      startedAt,
      endedAt: new Date().toISOString(),
      code: Object.fromEntries(Object.entries(await stepHashes(pipeline, scratch.binder)).map(([step, { hash }]) => [step, hash])),
      units: first.units.map(({ datasets: _, ...unit }) => unit),
      datasets,
      exports: datasets.flatMap((dataset) => exportsOf(pipeline, dataset).map((target) => target.export.path)),
      settings: settings.map(({ name: each, when }) => ({ name: each, when })),
      differences,
      failures,
      versions: versions(),
    }
    return place.writable ? { certificate, file: await writeCertificate(config.state, certificate) } : { certificate }
  } finally {
    await scratch?.close()
    await workspace.close()
  }
}

/** Limits as the children read them, unless their setting says otherwise. */
function environmentOf({ memory, threads }: GivenLimits = {}): Readonly<Record<string, string>> {
  return {
    ...(memory !== undefined && { MILLRACE_MEMORY: memory }),
    ...(threads !== undefined && { MILLRACE_THREADS: threads, POLARS_MAX_THREADS: threads }),
  }
}

function requireSameInputs(pipeline: string, first: readonly MadeUnit[], then: readonly MadeUnit[]): void {
  const of = (units: readonly MadeUnit[]) => canonicalJson(units.map(({ inputs }) => inputs))
  if (of(first) !== of(then))
    throw new TransientError('what has landed changed while it was computed again', {
      pipeline,
      hint: 'certify when no run of it is under way',
    })
}
