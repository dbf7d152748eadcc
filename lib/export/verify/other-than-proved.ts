import type { CsvSums } from '../../formats/csv-sums.ts'
import type { FormatContract } from '../contract/export.ts'
import type { DeliveryManifest } from '../manifest.ts'
import { writtenProof } from '../prove/prove.ts'

type Proof = NonNullable<DeliveryManifest['files'][number]['proof']>

/** In what the rows of a file are not those of its proof, a sentence each: rows and NULLs and empty texts of each column first, then values, then where they stand. */
export function otherThanProved(read: CsvSums, contract: FormatContract, rows: number, proof: Proof): readonly string[] {
  if (read.rows !== rows) return [`has ${read.rows} rows, not ${rows}`]
  const found = writtenProof(read, contract)
  const pairs = proof.columns.map((said, i) => ({ said, is: found.columns[i] }))
  const counts = pairs.flatMap(({ said, is }) => [
    ...(is?.nulls === said.nulls ? [] : [`has ${is?.nulls} NULLs in "${said.name}", not ${said.nulls}`]),
    ...(is?.empty === said.empty ? [] : [`has ${is?.empty} empty texts in "${said.name}", not ${said.empty}`]),
  ])
  const other = pairs.filter(({ said, is }) => is?.hash !== said.hash).map(({ said }) => `"${said.name}"`)
  if (counts.length > 0 || other.length > 0)
    return [...counts, ...(other.length > 0 ? [`has other values in ${other.join(', ')} than were proved`] : [])]
  if (found.content !== proof.content) return ['has the values of each column, but in other rows than were proved']
  return found.order === proof.order ? [] : ['has its rows in another order than was proved']
}
