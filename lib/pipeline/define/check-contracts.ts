import type { Store } from '../../connectors/store.ts'
import { ConfigError, placed } from '../../core/errors.ts'
import { refuseBreaking, type WrittenContract } from '../../export/contract/contract-changes.ts'
import type { Export } from '../../export/contract/export.ts'
import { deliveredContract, type LastDelivered, newestDelivered } from '../../export/contract/last-delivered.ts'
import { writtenContract } from '../../export/contract/written-contract.ts'
import { errorReport } from '../../observe/error-report.ts'
import { type EachPipeline, eachPipeline } from '../each-pipeline.ts'
import type { Project } from '../project.ts'
import type { ErrorReport } from '../report.ts'
import { checkBeside } from './check-beside.ts'
import { type ContractedExport, contractedExports } from './contracts.ts'
import { partitionsUntil } from './partitions.ts'

/** A contract, held against what readers have now. */
export interface CheckedContract {
  readonly pipeline: string
  readonly dataset: string
  readonly export: string
  readonly version: number
  /** What it was held against: the newest partition that is delivered, or every one where partitions are keys. */
  readonly delivered: readonly { readonly partition: string | null; readonly at: string; readonly version: number | null }[]
  /** As a run would refuse it; absent: it would not. */
  readonly refused?: ErrorReport
}

/** Every contract of one pipeline, or of all, against its dataset and against what was delivered last. Needs the store alone. @throws ConfigError for a pipeline that plan refuses, where it is named */
export function checkContracts(project: Project, name?: string): Promise<EachPipeline<readonly CheckedContract[]>> {
  return eachPipeline(project, name, async (each) => {
    const exports = await contractedExports(project, each)
    await checkBeside(
      project.config.folder,
      each,
      exports.map(({ dataset, export: target, partition }) => ({
        dataset,
        export: target as Export<never>,
        partitioned: partition !== undefined,
      })),
      exports.find(({ partition }) => partition)?.partition,
    )
    return withStore(project, (store) => inTurn(exports, (one) => checked(project, store, one)))
  })
}

async function checked(project: Project, store: Store, one: ContractedExport): Promise<CheckedContract> {
  const contract = writtenContract(one.export.contract)
  const last = await lastDeliveries(project, store, one)
  return {
    ...placeOf(one),
    version: contract.version,
    delivered: last.map(({ partition, at, contract: was }) => ({ partition: partition ?? null, at, version: was?.version ?? null })),
    ...refusalOf(one, last, contract),
  }
}

/** What readers of an export have: where its partitions are keys, each is a delivery of its own; of those of time the newest speaks for all. */
export async function lastDeliveries(project: Project, store: Store, one: ContractedExport): Promise<readonly LastDelivered[]> {
  const { partition, pipeline, export: target } = one
  try {
    if (partition?.by !== 'time') {
      const names = partition?.keys ?? [undefined]
      const found = await inTurn(names, (each) => deliveredContract(store, target, each))
      return found.filter((each) => each !== undefined)
    }
    const names = partitionsUntil(partition, project.clock(pipeline).now()).map(({ name }) => name)
    const newest = await newestDelivered(store, target, names)
    return newest ? [newest] : []
  } catch (error) {
    throw placed(error, { pipeline, stage: 'export', dataset: one.dataset })
  }
}

function refusalOf(one: ContractedExport, last: readonly LastDelivered[], contract: WrittenContract): Pick<CheckedContract, 'refused'> {
  for (const { partition, contract: before } of last) {
    const refused = before && refusal(before, contract)
    if (refused) {
      const { pipeline, dataset } = one
      return { refused: errorReport(refused.at({ pipeline, stage: 'export', dataset, ...(partition !== undefined && { partition }) })) }
    }
  }
  return {}
}

/** Why a run would refuse a contract after another one; undefined where it would not. */
export function refusal(before: WrittenContract, after: WrittenContract): ConfigError | undefined {
  try {
    refuseBreaking(before, after)
    return undefined
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

/** How an export is called in reports. */
export function placeOf({ pipeline, dataset, export: target }: ContractedExport) {
  return { pipeline, dataset, export: target.path }
}

/** Opens the profile's export store for some work. */
export async function withStore<T>({ config }: Project, work: (store: Store) => Promise<T>): Promise<T> {
  const store = config.store.openStore()
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

async function inTurn<T, R>(all: readonly T[], work: (each: T) => Promise<R>): Promise<R[]> {
  const done: R[] = []
  for (const each of all) done.push(await work(each))
  return done
}
