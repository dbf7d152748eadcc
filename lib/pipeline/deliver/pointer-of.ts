import type { RunContext } from '../../core/context.ts'
import { ConfigError, type ErrorPlace } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { GoingTo } from '../../export/go-to.ts'
import { lookAt } from '../../export/pointer.ts'
import { deliveryLock, type Lock, lock, partitionLock, sharedLock } from '../../state/lock.ts'
import { partitionsUntil } from '../define/partitions.ts'
import type { Session } from '../run/session.ts'
import { type PointerPlaces, pointersOf } from '../tidy/prune-deliveries.ts'

/** Which deliveries of a pipeline are meant; what is absent is not limited. */
export interface WhichDeliveries {
  /** An export's path or a named delivery. */
  readonly name?: string
  readonly partition?: string
}

/**
 * All pointers of a pipeline that are meant, oldest partition first.
 * @throws ConfigError for a name that is none, a partition that is none, and one where there are none
 */
export function pointersNamed({ pipeline }: Pick<Session, 'pipeline'>, now: Date, which: WhichDeliveries): readonly PointerPlaces[] {
  const { definition } = pipeline
  const { name, partition } = which
  const partitions = definition.partition ? partitionsUntil(definition.partition, now).map((each) => each.name) : []
  const place = { pipeline: definition.name, stage: 'export' } as const
  if (partition !== undefined && !partitions.includes(partition))
    throw new ConfigError(`no partition "${partition}"${didYouMean(partition, partitions)}`, {
      ...place,
      hint: partitions.length === 0 ? 'the pipeline has none' : `there are ${partitions[0]} … ${partitions.at(-1)}`,
    })
  const all = pointersOf(pipeline, partitions)
  const names = [...new Set(all.map((each) => each.name))]
  if (name !== undefined && !names.includes(name)) throw unknownName(pipeline, name, names)
  const named = all.filter((each) => name === undefined || each.name === name)
  if (partition !== undefined && name !== undefined && named.every((each) => each.partition === undefined))
    throw new ConfigError(`"${name}" is delivered for all partitions as one`, { ...place, hint: 'leave out --partition' })
  return named.filter((each) => partition === undefined || each.partition === partition)
}

/** The one pointer that is meant. @throws ConfigError as `pointersNamed`, and where it has partitions and none is named */
export function pointerNamed(
  session: Pick<Session, 'pipeline'>,
  now: Date,
  which: WhichDeliveries & { readonly name: string },
): PointerPlaces {
  const [first, ...more] = pointersNamed(session, now, which)
  if (first && more.length === 0) return first
  throw new ConfigError(`"${which.name}" is delivered partition by partition: name one`, {
    pipeline: session.pipeline.definition.name,
    stage: 'export',
    hint: 'write --partition <name>',
  })
}

function unknownName(pipeline: Session['pipeline'], name: string, names: readonly string[]): ConfigError {
  const target = pipeline.targets.find((each) => each.stage === 'export' && each.export.path === name)
  const delivery = target?.stage === 'export' ? target.export.delivery : undefined
  return new ConfigError(
    delivery === undefined
      ? `no export to "${name}" and no delivery of that name${didYouMean(name, names)}`
      : `"${name}" is part of the delivery "${delivery}", and is switched with it`,
    {
      pipeline: pipeline.definition.name,
      stage: 'export',
      hint: names.length === 0 ? 'the pipeline exports nothing' : `there are: ${names.join(', ')}`,
    },
  )
}

/** The lock under which a pointer is switched: that of its partition, or of the named delivery. */
export function lockPointer(
  { pipeline, locks }: Pick<Session, 'pipeline' | 'locks'>,
  places: PointerPlaces,
  signal: AbortSignal,
): Promise<Lock> {
  const { name } = pipeline.definition
  const { path, what } = places.named
    ? deliveryLock(locks, name, places.pointer.folder)
    : places.partition === undefined
      ? sharedLock(locks, name)
      : partitionLock(locks, name, places.partition)
  return lock(path, { what, signal })
}

/** A pointer as a person finds it who is going to switch it. @throws ConfigError where nothing is delivered yet */
export async function goingTo(
  { pipeline, exports: store }: Pick<Session, 'pipeline' | 'exports'>,
  { name, partition, pointer, members }: PointerPlaces,
  ctx: RunContext,
): Promise<GoingTo> {
  const place: ErrorPlace = {
    pipeline: pipeline.definition.name,
    stage: 'export',
    file: pointer.latest,
    ...(partition !== undefined && { partition }),
  }
  const { info, latest } = await lookAt(store, pointer)
  if (!latest) throw new ConfigError(`"${name}" has never been delivered`, { ...place, hint: `millrace run ${pipeline.definition.name}` })
  return { pointer, pointed: { info, latest }, members, store, ctx, place }
}
