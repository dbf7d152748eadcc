import { quoteIdentifier } from '../../core/quote.ts'
import type { CommonContract } from './table-contract.ts'

/** A column of the order. */
export interface OrderColumn {
  readonly name: string
  readonly descending: boolean
}

/** The order's columns. `-x` is the column of that very name where there is one, else `x` descending. */
export function orderColumns(contract: Pick<CommonContract, 'columns' | 'orderBy'>): readonly OrderColumn[] {
  return contract.orderBy.map((entry) =>
    Object.hasOwn(contract.columns, entry) || !entry.startsWith('-')
      ? { name: entry, descending: false }
      : { name: entry.slice(1), descending: true },
  )
}

/** Their names. */
export function orderNames(contract: Pick<CommonContract, 'columns' | 'orderBy'>): readonly string[] {
  return orderColumns(contract).map(({ name }) => name)
}

/** `"a", "b" DESC` for ORDER BY, NULLs last. */
export function orderSql(contract: Pick<CommonContract, 'columns' | 'orderBy'>): string {
  return orderColumns(contract)
    .map(({ name, descending }) => `${quoteIdentifier(name)} ${direction(descending)}`)
    .join(', ')
}

/** How one column of an order is sorted. */
export function direction(descending: boolean): string {
  return `${descending ? 'DESC' : 'ASC'} NULLS LAST`
}
