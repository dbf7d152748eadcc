import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProjectConfig } from '../../config/load.ts'
import type { CheckContext } from '../../connectors/check.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { diskSpace } from '../../core/disk-findings.ts'
import { TransientError } from '../../core/errors.ts'
import { type Finding, fault, fine, looking, warning } from '../../core/finding.ts'
import { extensionsIn } from '../../engines/extensions.ts'
import { openProject } from '../project.ts'
import { engineFindings } from './doctor-engines.ts'
import { machineFindings } from './doctor-machine.ts'
import { secretFindings, stateFindings, wantedOf } from './doctor-project.ts'

/** What belongs together of what was looked at: the machine, the engines, the project, each connection. */
export interface Examined {
  readonly name: string
  readonly findings: readonly Finding[]
}

export interface DoctorReport {
  readonly profile: string | undefined
  readonly examined: readonly Examined[]
  /** 0: no fault. 2: at least one is of the configuration. 75: else, at least one is something that does not answer. 1: only others. */
  readonly exitCode: number
}

export interface DoctorOptions {
  readonly profile?: string
  readonly signal?: AbortSignal
  /** For each connection. Default 15 s. */
  readonly timeoutMs?: number
  readonly clock?: Clock
  readonly space?: typeof diskSpace
}

/** Looks at everything that a run would use, with the machine's clock, whatever the profile pins. Changes nothing. A configuration that is wrong is a fault, and the machine is looked at all the same. */
export async function doctor(folder: string, options: DoctorOptions = {}): Promise<DoctorReport> {
  const { signal = new AbortController().signal, clock = systemClock, space = diskSpace, timeoutMs = 15_000 } = options
  const temp = await mkdtemp(join(tmpdir(), 'millrace-doctor-'))
  try {
    let config: ProjectConfig | undefined
    let project: readonly Finding[]
    try {
      config = (await openProject(folder, options.profile)).config
      project = [fine('configuration', `profile "${config.profile}" of ${config.file}`)]
    } catch (error) {
      project = [fault('configuration', error)]
    }
    const machine = machineFindings(temp, clock, space)
    if (config === undefined)
      return reportOf(undefined, [
        { name: 'machine', findings: await machine },
        { name: 'project', findings: project },
      ])
    const wanted = await wantedOf(config)
    const connections = Object.entries(config.connections)
    const postgres = [config.warehouse, ...connections.map(([, each]) => each)].some(({ kind }) => kind === 'postgres')
    const asked = { temp, clock, signal, timeoutMs, config }
    const checks: readonly (readonly [name: string, findings: Promise<readonly Finding[]>])[] = [
      ['machine', machine],
      ['engines', engineFindings(temp, config.extensions, postgres)],
      ['project', stateFindings(config, space).then((found) => [...project, ...wanted.findings, ...found])],
      ...connections.map(
        ([name, each]) =>
          [`connection ${name} (${each.kind})`, examine(each, asked, { role: 'source', requests: wanted.requests[name] ?? [] })] as const,
      ),
      [`warehouse (${config.warehouse.kind})`, examine(config.warehouse, asked, { role: 'warehouse', tables: wanted.tables })],
      ...(['landing', 'store'] as const).map(
        (name) => [`${name} (${config[name].kind})`, examine(config[name], asked, { role: 'store' })] as const,
      ),
      ...Object.entries(config.notify).map(
        ([name, each]) => [`notify ${name} (${each.kind})`, examine(each, asked, { role: 'notifier' })] as const,
      ),
    ]
    const examined = await Promise.all(checks.map(async ([name, findings]) => ({ name, findings: await findings })))
    signal.throwIfAborted()
    return reportOf(config.profile, examined)
  } finally {
    await rm(temp, { recursive: true, force: true })
  }
}

interface Asked {
  readonly temp: string
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly timeoutMs: number
  readonly config: ProjectConfig
}

interface Checked {
  readonly settings: Readonly<Record<string, unknown>>
  check?(ctx: CheckContext): Promise<readonly Finding[]>
}

async function examine(
  connection: Checked,
  asked: Asked,
  wants: Pick<CheckContext, 'role'> & Partial<Pick<CheckContext, 'requests' | 'tables'>>,
): Promise<readonly Finding[]> {
  const secrets = secretFindings(connection.settings, asked.config.profile)
  // Without its secret it cannot be asked anything.
  if (secrets.some(({ state }) => state === 'fault')) return secrets
  const { check } = connection
  if (check === undefined) return [...secrets, warning('check', 'millrace cannot look at this kind: a run will tell')]
  return [...secrets, ...(await withinTime((signal) => check({ ...contextOf(asked, signal), requests: [], tables: [], ...wants }), asked))]
}

function contextOf({ temp, clock, config }: Asked, signal: AbortSignal): Omit<CheckContext, 'role' | 'requests' | 'tables'> {
  const { limits, extensions } = config
  return {
    pipeline: 'doctor',
    run: 'doctor',
    clock,
    signal,
    workspace: temp,
    limits,
    extensions: extensionsIn(extensions),
    emit: () => undefined,
  }
}

/** What does not come back in time is told as that, whether it heeds its signal or not. */
async function withinTime(
  work: (signal: AbortSignal) => Promise<readonly Finding[]>,
  { signal, timeoutMs }: Asked,
): Promise<readonly Finding[]> {
  const late = new TransientError(`no answer within ${timeoutMs / 1000} s`, { hint: 'check the address, the network and the service' })
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(late), timeoutMs)
  const either = AbortSignal.any([signal, controller.signal])
  const stopped = new Promise<never>((_, reject) => either.addEventListener('abort', () => reject(either.reason), { once: true }))
  try {
    return await looking('answers', () => Promise.race([work(either), stopped]))
  } finally {
    clearTimeout(timer)
  }
}

function reportOf(profile: string | undefined, examined: readonly Examined[]): DoctorReport {
  const faults = examined.flatMap(({ findings }) => findings.filter(({ state }) => state === 'fault'))
  const has = (kind: Finding['kind']) => faults.some((each) => each.kind === kind)
  return { profile, examined, exitCode: faults.length === 0 ? 0 : has('configuration') ? 2 : has('unreachable') ? 75 : 1 }
}
