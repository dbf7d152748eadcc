import { ConfigError } from '../../core/errors.ts'
import { type ContractChange, contractChanges, type WrittenContract } from '../../export/contract/contract-changes.ts'
import { contractFromDescriptor } from '../../export/contract/contract-from-descriptor.ts'
import type { StatedResource } from '../../export/contract/descriptor-schema.ts'
import { expectedExports } from '../../export/contract/expectation-files.ts'
import type { LastDelivered } from '../../export/contract/last-delivered.ts'
import { writtenContract } from '../../export/contract/written-contract.ts'
import type { Project } from '../project.ts'
import { lastDeliveries, placeOf, refusal, withStore } from './check-contracts.ts'
import { type ContractedExport, contractedExports } from './contracts.ts'

/** What differs between an export's contract and another one of it. */
export interface ContractDiff {
  readonly pipeline: string
  readonly dataset: string
  readonly export: string
  readonly version: number
  /** What it is held against; null: nothing is delivered that could be compared. */
  readonly against: {
    /** Those that were delivered under that contract; of partitions of time the newest alone. */
    readonly partitions?: readonly string[]
    readonly file?: string
    readonly version: number
  } | null
  readonly changes: readonly ContractChange[]
  /** Why a run would refuse the contract after the other one; absent: it would not. */
  readonly refused?: string
}

interface Other {
  readonly against: NonNullable<ContractDiff['against']>
  readonly contract: WrittenContract
}

/** The contracts in a file of another team. */
export interface StatedContracts {
  readonly file: string
  readonly resources: readonly StatedResource[]
}

/** What differs between the contracts of a pipeline and what was delivered last; `path`: of that export alone. */
export async function diffDelivered(project: Project, name: string, path?: string): Promise<readonly ContractDiff[]> {
  const exports = await contractedExports(project, name, path)
  return withStore(project, async (store) => {
    const diffs: ContractDiff[] = []
    for (const one of exports) {
      const others = othersOf(await lastDeliveries(project, store, one))
      diffs.push(...(others.length === 0 ? [diffOf(one, undefined)] : others.map((other) => diffOf(one, other))))
    }
    return diffs
  })
}

/**
 * What differs between the contracts of a pipeline and their JSON forms in a file.
 * @throws ConfigError for what is no whole contract there, or does not say of which export it is
 */
export async function diffStated(
  project: Project,
  name: string,
  { file, resources }: StatedContracts,
  path?: string,
): Promise<readonly ContractDiff[]> {
  const exports = await contractedExports(project, name, path)
  return resources.map((stated) => {
    const [one, another] = path === undefined ? expectedExports({ consumer: '', file, stated }, exports) : exports
    if (!one || another)
      throw new ConfigError(`${file} does not say which export it is of`, {
        file,
        hint: `name it in the command, or in the file's millrace.export; there are: ${exports.map((each) => each.export.path).join(', ')}`,
      })
    const contract = contractFromDescriptor(stated, file)
    return diffOf(one, { contract, against: { file, version: contract.version } })
  })
}

/** The contracts that readers have now, each once. */
function othersOf(last: readonly LastDelivered[]): readonly Other[] {
  const groups = Map.groupBy(last, ({ contract }) => JSON.stringify(contract))
  return [...groups.values()].flatMap((group): Other[] => {
    const contract = group[0]?.contract
    const partitions = group.flatMap(({ partition }) => (partition === undefined ? [] : [partition]))
    return contract ? [{ contract, against: { ...(partitions.length > 0 && { partitions }), version: contract.version } }] : []
  })
}

function diffOf(one: ContractedExport, other: Other | undefined): ContractDiff {
  const contract = writtenContract(one.export.contract)
  const refused = other && refusal(other.contract, contract)
  return {
    ...placeOf(one),
    version: contract.version,
    against: other?.against ?? null,
    changes: other ? contractChanges(other.contract, contract) : [],
    ...(refused && { refused: `${refused.message}${refused.hint === undefined ? '' : `; ${refused.hint}`}` }),
  }
}
