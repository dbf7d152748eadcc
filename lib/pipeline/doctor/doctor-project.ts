import type { ProjectConfig } from '../../config/load.ts'
import type { SourceRequest } from '../../connectors/requests.ts'
import { type diskSpace, lockFinding, spaceFinding, writableFinding } from '../../core/disk-findings.ts'
import { type Finding, fault, fine, looking, warning } from '../../core/finding.ts'
import { didYouMean } from '../../core/nearest.ts'
import { Secret } from '../../core/secret.ts'
import { keptBytes } from '../../land/file-cache.ts'
import { loadPipeline, pipelineNames } from '../define/load-definition.ts'
import { cacheFolder } from '../open-landing.ts'
import { memoryFinding } from './doctor-machine.ts'

/** What the project's pipelines want of the profile. */
export interface Wanted {
  readonly findings: readonly Finding[]
  readonly requests: Readonly<Record<string, readonly SourceRequest[]>>
  readonly tables: readonly string[]
}

/** Imports every pipeline file, for what it asks of which connection and loads into which table. */
export async function wantedOf({ folder, connections, profile }: ProjectConfig): Promise<Wanted> {
  const findings: Finding[] = []
  const requests: Record<string, SourceRequest[]> = {}
  const tables = new Set<string>()
  const names = await pipelineNames(folder)
  for (const name of names) {
    try {
      const { definition } = await loadPipeline(folder, name)
      for (const { connection, request } of Object.values(definition.extract)) {
        if (Object.hasOwn(connections, connection)) requests[connection] = [...(requests[connection] ?? []), request]
        else
          findings.push(
            fault(
              'pipelines',
              `${name} reads connection "${connection}", which profile "${profile}" does not have${didYouMean(connection, Object.keys(connections))}`,
              {
                advice: `add it to the profile in millrace.config.ts`,
                kind: 'configuration',
              },
            ),
          )
      }
      for (const target of Object.values(definition.load ?? {}).flat()) if (target) tables.add(target.table)
    } catch (error) {
      findings.push(fault('pipelines', error, { advice: `look closer: millrace plan ${name}` }))
    }
  }
  if (findings.length === 0) findings.push(fine('pipelines', names.length === 0 ? 'none yet' : `${names.join(', ')}`))
  return { findings, requests, tables: [...tables].sort() }
}

/** The profile's own state, limits and clock. */
export async function stateFindings(config: ProjectConfig, space: typeof diskSpace): Promise<readonly Finding[]> {
  const { state, limits, now, profile } = config
  const pinned =
    now === undefined
      ? []
      : [
          fine(
            'now',
            `pinned by profile "${profile}": ${
              typeof now === 'string'
                ? now
                : Object.entries(now)
                    .map(([name, at]) => `${name} ${at}`)
                    .join(', ')
            }`,
          ),
        ]
  const disk = await looking('disk', async () => {
    const locks = await lockFinding('locks', state, space)
    return [await spaceFinding('disk', state, space), ...(locks ? [locks] : [])]
  })
  return [await writableFinding('state', state), ...disk, ...(await cacheFinding(config, space)), memoryFinding(limits), ...pinned]
}

/** A finding for each secret of a connection's settings: whether it has a value, never which. What the dev profile has written down is no secret: it needs nothing outside the checkout. */
export function secretFindings(settings: unknown, profile: string, path = ''): Finding[] {
  if (settings instanceof Secret) {
    const found = `${path} is ${settings.reference}`
    if (settings.reference === 'configuration') {
      const written = `${path} is written in the configuration`
      return [profile === 'dev' ? fine('secret', written) : warning('secret', written, "name where it is kept: secret('env:NAME')")]
    }
    if (settings.isSet()) return [fine('secret', `${found}, set`)]
    const [scheme, name] = [settings.reference.split(':')[0], settings.reference.slice(settings.reference.indexOf(':') + 1)]
    return [
      fault('secret', `${found}, which has no value`, {
        advice: scheme === 'file' ? `put it into the file ${name}` : `export ${name}=…`,
        kind: 'configuration',
      }),
    ]
  }
  if (settings === null || typeof settings !== 'object') return []
  return Object.entries(settings).flatMap(([key, each]) => secretFindings(each, profile, path === '' ? key : `${path}.${key}`))
}

/** Whether there is room for what is kept of a landing zone elsewhere; nothing of one on this machine's disk. What is wrong with the landing itself is said with it. */
async function cacheFinding({ landing, state, cacheBytes }: ProjectConfig, space: typeof diskSpace): Promise<Finding[]> {
  let elsewhere = false
  try {
    const store = landing.openStore()
    elsewhere = store.localPath('_') === undefined
    await store.close()
  } catch {
    return []
  }
  if (!elsewhere) return []
  const [kept, { freeBytes }] = await Promise.all([keptBytes(cacheFolder(state)), space(state)])
  const found = `${gigabytes(kept)} kept of what has landed, at most ${gigabytes(cacheBytes)}; ${gigabytes(freeBytes)} free at ${state}`
  if (kept + freeBytes >= cacheBytes) return [fine('cache', found)]
  return [warning('cache', found, 'set cache in the profile to less than the disk has: what is kept must not fill it')]
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
