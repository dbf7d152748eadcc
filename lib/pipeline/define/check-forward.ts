import type { Check } from '../../check/rules.ts'
import type { FrameSupport } from '../../connectors/frames.ts'
import type { SourceConnection } from '../../connectors/source.ts'
import type { WarehouseConnection } from '../../connectors/warehouse.ts'
import { ConfigError } from '../../core/errors.ts'
import type { Extract } from '../../extract/source.ts'
import type { Load } from '../../load/targets.ts'
import { type Bound, datasetOfName } from '../../transform/bound.ts'
import { readForEachPartition } from './check-extract.ts'
import type { AnyPipeline } from './definition.ts'

/** What a pipeline is held against. */
export interface ForwardSurroundings {
  readonly bound: Bound
  readonly checks: Readonly<Record<string, readonly Check<string, string, string, string>[]>>
  readonly connections: Readonly<Record<string, SourceConnection>>
  readonly warehouse: Pick<WarehouseConnection, 'kind' | 'frames'>
}

const HINT = 'leave `forward` away: the dataset then lands as Parquet, and everything may read it'

/** Refuses a forwarded dataset that is more than loaded, or that its two systems cannot pass on. @throws ConfigError */
export function checkForward(definition: AnyPipeline, surroundings: ForwardSurroundings): void {
  for (const [dataset, extract] of Object.entries(definition.extract)) {
    if (extract.forward === undefined) continue
    const refuse = (why: string, hint = HINT): never => {
      throw new ConfigError(`"${dataset}" is forwarded, ${why}`, { stage: 'extract', dataset, hint })
    }
    if (extract.forward !== true && extract.forward !== 'land')
      throw new ConfigError(`unknown forward ${JSON.stringify(extract.forward)}; expected true or "land"`, { stage: 'extract', dataset })
    checkRead(extract, refuse)
    checkReaders(dataset, definition, surroundings, refuse)
    checkLoads(loadsOf(definition, dataset), refuse)
    checkSystems(extract.connection, surroundings, refuse)
  }
}

type Refuse = (why: string, hint?: string) => never

function checkRead({ request, kind, expressions }: Extract<string>, refuse: Refuse): void {
  if (request.method !== 'table') refuse('which a table can be, not the answer to another request')
  if (kind.by === 'cursor') refuse('so it is whole or has a window, not a cursor')
  if (kind.by === 'window' && kind.lookback !== undefined) refuse('so nothing sees it, and no look-back')
  if (expressions) refuse('so its columns are what they are in the source, without `columns` over them')
  if (kind.by === 'whole' && readForEachPartition({ kind, request })) refuse('so its condition cannot name a partition without a window')
}

function checkReaders(
  dataset: string,
  definition: AnyPipeline,
  { bound, checks }: Pick<ForwardSurroundings, 'bound' | 'checks'>,
  refuse: Refuse,
): void {
  const reader = Object.values(bound.datasets).find(({ name, reads }) => name !== dataset && reads.map(datasetOfName).includes(dataset))
  if (reader) refuse(`so ${reader.name} cannot read it`)
  const child = Object.entries(definition.extract).find(([, { request }]) => 'each' in request && request.each?.parent === dataset)
  if (child) refuse(`so ${child[0]} cannot be asked for each of its rows`)
  if (checks[dataset]) refuse('so it cannot be checked')
  const referring = Object.entries(checks).find(([, all]) => all.some(({ rule }) => rule.rule === 'references' && rule.dataset === dataset))
  if (referring) refuse(`so a check of ${referring[0]} cannot read it`)
  if (definition.export && Object.hasOwn(definition.export, dataset)) refuse('so it cannot be exported')
}

function loadsOf({ load }: AnyPipeline, dataset: string): readonly Load<string>[] {
  return load && Object.hasOwn(load, dataset) ? [load[dataset] ?? []].flat() : []
}

function checkLoads(loads: readonly Load<string>[], refuse: Refuse): void {
  if (loads.length === 0) refuse('and no load takes it', 'name its table: load: { … }')
  for (const { table, disposition } of loads)
    if (disposition.mode !== 'replace' && disposition.mode !== 'replacePartition')
      refuse(`so "${table}" takes it by replace or replacePartition, not by ${disposition.mode}`)
}

function checkSystems(connection: string, { connections, warehouse }: ForwardSurroundings, refuse: Refuse): void {
  const source = connections[connection]
  const from = (support: FrameSupport | undefined, what: string, verb: string): string => {
    if (!support) return refuse(`which ${what} cannot ${verb}`)
    return support.refused === undefined ? support.format : refuse(`which ${what} cannot ${verb}: ${support.refused}`)
  }
  const given = from(source?.frames, `connection "${connection}" of kind ${source?.kind}`, 'do')
  const taken = from(warehouse.frames, `a warehouse of kind ${warehouse.kind}`, 'take')
  if (given !== taken) refuse(`and connection "${connection}" gives ${given}, where the warehouse takes ${taken}`)
}
