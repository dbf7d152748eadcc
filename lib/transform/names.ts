// Type-only, names only: what takes a column name as a string is checked and completed; expressions pass, and the result forgets.
import type { Expr, LazyDataFrame } from 'nodejs-polars'

type By<C> = (keyof C & string) | Expr
/** Without a schema: the plain Polars type. */
export type Lazy<C> = 0 extends 1 & C ? LazyDataFrame : Named<C>
export interface Named<C>
  extends Omit<
    LazyDataFrame,
    | 'select'
    | 'drop'
    | 'sort'
    | 'filter'
    | 'head'
    | 'tail'
    | 'slice'
    | 'dropNulls'
    | 'unique'
    | 'explode'
    | 'groupBy'
    | 'join'
    | 'withColumns'
  > {
  select<const K extends keyof C & string>(...columns: K[]): Lazy<Pick<C, K>>
  select(...columns: By<C>[]): LazyDataFrame
  drop<const K extends keyof C & string>(...columns: K[]): Lazy<Omit<C, K>>
  sort(by: By<C> | By<C>[], descending?: boolean | boolean[], nullsLast?: boolean | boolean[]): Lazy<C>
  filter(predicate: Expr): Lazy<C>
  head(rows?: number): Lazy<C>
  tail(rows?: number): Lazy<C>
  dropNulls(...columns: (keyof C & string)[]): Lazy<C>
  unique(options?: { subset?: (keyof C & string)[]; keep?: 'first' | 'last' | 'any' | 'none'; maintainOrder?: boolean }): Lazy<C>
  groupBy(by: By<C> | By<C>[], maintainOrder?: boolean): { agg(...expressions: Expr[]): LazyDataFrame }
  join<D, const K extends keyof C & keyof D & string>(
    other: Lazy<D>,
    options: { on: K | readonly K[]; how?: 'inner' | 'left' | 'full' | 'semi' | 'anti' },
  ): Lazy<C & Omit<D, K>>
  join<D>(
    other: Lazy<D>,
    options: {
      leftOn: (keyof C & string) | (keyof C & string)[]
      rightOn: (keyof D & string) | (keyof D & string)[]
      how?: 'inner' | 'left' | 'full' | 'semi' | 'anti'
    },
  ): LazyDataFrame
  // biome-ignore lint/suspicious/noExplicitAny: an expression's own name and type are not known
  withColumns(...expressions: Expr[]): Lazy<{ [N in keyof C]: C[N] } & { [name: string]: any }>
}
