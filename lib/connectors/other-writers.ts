import { ConfigError } from '../core/errors.ts'
import { quoteLiteral } from '../core/quote.ts'
import type { Disposition, Token } from './warehouse.ts'

/** Whether a load takes rows away without asking whose they are: of a table that other pipelines write, too, it would delete theirs. */
export function deletesAnyones({ mode }: Disposition): boolean {
  return mode === 'replace' || mode === 'replacePartition'
}

/**
 * Refuses a load that would delete what another pipeline has loaded, and takes for loaded ever after. Called in the load's transaction, before anything is deleted. `tokens` is the warehouse's table of tokens, as SQL names it.
 * @throws ConfigError naming table and pipeline
 */
export function refuseOtherWriter(
  other: Pick<Token, 'pipeline' | 'table'> | undefined,
  { table, disposition }: { readonly table: string; readonly disposition: Disposition },
  tokens: string,
): void {
  if (!other) return
  throw new ConfigError(`${disposition.mode}('${table}') would delete the rows that pipeline "${other.pipeline}" has loaded into it`, {
    table,
    hint:
      `load into a table of another name; or, where pipeline "${other.pipeline}" is gone, remove its tokens from the warehouse: ` +
      `DELETE FROM ${tokens} WHERE pipeline = ${quoteLiteral(other.pipeline)} AND "table" = ${quoteLiteral(other.table)}`,
  })
}
