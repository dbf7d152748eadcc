import type { Contract } from './contract.ts'
import type { DeliveryManifest } from './manifest.ts'

/** A contract as a manifest has it: every default written out, columns as a list, since their order counts. */
export function writtenContract({ columns, notNull, fileName: _, ...contract }: Contract): DeliveryManifest['contract'] {
  return {
    ...contract,
    columns: Object.entries(columns).map(([name, type]) => ({ name, type, notNull: notNull.includes(name) })),
    orderBy: [...contract.orderBy],
    booleans: [contract.booleans[0], contract.booleans[1]],
    round: Object.fromEntries(
      Object.entries(contract.round).flatMap(([name, decimals]) => (decimals === undefined ? [] : [[name, decimals]])),
    ),
    dateFormat: contract.dateFormat ?? null,
    timestampFormat: contract.timestampFormat ?? null,
    unfit: contract.unfit ?? null,
    split: contract.split ?? null,
  }
}
