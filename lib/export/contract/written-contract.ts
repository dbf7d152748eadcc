import type { DeliveryManifest } from '../manifest.ts'
import type { FormatContract } from './export.ts'

/** A contract as a manifest has it: every default written out, columns as a list, since their order counts. */
export function writtenContract({
  columns,
  notNull,
  orderBy,
  round,
  fileName: _,
  gate: __,
  ...contract
}: FormatContract): DeliveryManifest['contract'] {
  const common = {
    columns: Object.entries(columns).map(([name, type]) => ({ name, type, notNull: notNull.includes(name) })),
    orderBy: [...orderBy],
    round: Object.fromEntries(Object.entries(round).flatMap(([name, decimals]) => (decimals === undefined ? [] : [[name, decimals]]))),
  }
  switch (contract.format) {
    case 'csv':
      return {
        ...contract,
        ...common,
        booleans: [contract.booleans[0], contract.booleans[1]],
        dateFormat: contract.dateFormat ?? null,
        timestampFormat: contract.timestampFormat ?? null,
        unfit: contract.unfit ?? null,
        split: contract.split ?? null,
      }
    case 'ndjson':
      return { ...contract, ...common, bigNumbers: contract.bigNumbers ?? null, split: contract.split ?? null }
    case 'xlsx':
      return { ...contract, ...common, bigNumbers: contract.bigNumbers ?? null }
    case 'arrow':
    case 'parquet':
      return { ...contract, ...common, split: contract.split ?? null }
  }
}

/** The way back: a contract from a manifest, without what changes no byte. */
export function contractOf({ columns, ...written }: DeliveryManifest['contract']): FormatContract {
  const common = {
    columns: Object.fromEntries(columns.map(({ name, type }) => [name, type])),
    notNull: columns.filter(({ notNull }) => notNull).map(({ name }) => name),
    fileName: undefined,
    gate: undefined,
  }
  switch (written.format) {
    case 'csv': {
      const { dateFormat, timestampFormat, unfit, split } = written
      return {
        ...written,
        ...common,
        dateFormat: dateFormat ?? undefined,
        timestampFormat: timestampFormat ?? undefined,
        unfit: unfit ?? undefined,
        split: split ?? undefined,
      }
    }
    case 'ndjson':
      return { ...written, ...common, bigNumbers: written.bigNumbers ?? undefined, split: written.split ?? undefined }
    case 'xlsx':
      return { ...written, ...common, bigNumbers: written.bigNumbers ?? undefined }
    case 'arrow':
    case 'parquet':
      return { ...written, ...common, split: written.split ?? undefined }
  }
}
