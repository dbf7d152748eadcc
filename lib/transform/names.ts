// Type-only, names only: what takes a column name as a string is checked and completed; expressions pass, and the result forgets.
import type { Expr, LazyDataFrame } from 'nodejs-polars'

/** Without a schema: the plain Polars type. */
export type Lazy<C> = 0 extends 1 & C ? LazyDataFrame : Named<C>
/** What the compiler says of `collect()` and its like: 'The "this" context … is not assignable to …' this text. */
type Lazily = 'a frame stays lazy: give it back, and millrace runs it'
type Running = 'collect' | 'collectSync' | 'fetch' | 'fetchSync' | 'first' | 'sinkCSV' | 'sinkParquet' | 'sinkNdJson' | 'sinkIpc'
type Overlaid =
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
type By<C> = (keyof C & string) | Expr
type Bys<C> = By<C> | (keyof C & string)[] | Expr[]
type Keep = 'first' | 'last' | 'any' | 'none'
type How = 'inner' | 'left' | 'full' | 'semi' | 'anti'

/**
 * A lazy frame whose column names are checked where they are written as text. It is a LazyDataFrame to functions that take one; what runs it cannot be called.
 */
export interface Named<C> extends Omit<LazyDataFrame, Overlaid | Running> {
  select<const K extends keyof C & string>(...columns: K[]): Lazy<Pick<C, K>>
  select(columns: By<C>[]): LazyDataFrame
  select(...columns: By<C>[]): LazyDataFrame
  drop<const K extends keyof C & string>(...columns: K[]): Lazy<Omit<C, K>>
  sort(options: { by: Bys<C>; descending?: boolean | boolean[]; nullsLast?: boolean | boolean[]; maintainOrder?: boolean }): Lazy<C>
  sort(by: By<C>[], descending?: boolean | boolean[], nullsLast?: boolean | boolean[], maintainOrder?: boolean): Lazy<C>
  sort(by: Bys<C>, descending?: boolean | boolean[], nullsLast?: boolean | boolean[], maintainOrder?: boolean): Lazy<C>
  filter(predicate: Expr): Lazy<C>
  head(rows?: number): Lazy<C>
  tail(rows?: number): Lazy<C>
  slice(options: { offset: number; length: number }): Lazy<C>
  slice(offset: number, length: number): Lazy<C>
  explode(columns: By<C>[]): LazyDataFrame
  explode(...columns: By<C>[]): LazyDataFrame
  dropNulls(columns: (keyof C & string)[]): Lazy<C>
  dropNulls(...columns: (keyof C & string)[]): Lazy<C>
  unique(subset?: (keyof C & string) | (keyof C & string)[], keep?: Keep, maintainOrder?: boolean): Lazy<C>
  unique(options: { subset?: (keyof C & string)[]; keep?: Keep; maintainOrder?: boolean }): Lazy<C>
  groupBy(by: By<C>[], maintainOrder?: boolean | { maintainOrder: boolean }): ReturnType<LazyDataFrame['groupBy']>
  groupBy(by: Bys<C>, maintainOrder?: boolean | { maintainOrder: boolean }): ReturnType<LazyDataFrame['groupBy']>
  join<D, const K extends keyof C & keyof D & string>(
    other: Lazy<D>,
    options: { on: K | readonly K[]; how?: How; suffix?: string },
  ): Lazy<C & Omit<D, K>>
  join<D>(
    other: Lazy<D>,
    options: {
      leftOn: (keyof C & string) | (keyof C & string)[]
      rightOn: (keyof D & string) | (keyof D & string)[]
      how?: How
      suffix?: string
    },
  ): LazyDataFrame
  join<D>(other: Lazy<D>, options: { how: 'cross'; suffix?: string }): LazyDataFrame
  // biome-ignore lint/suspicious/noExplicitAny: an expression's own name and type are not known
  withColumns(...expressions: Expr[]): Lazy<{ [N in keyof C]: C[N] } & { [name: string]: any }>
  collect(this: Lazily, ...options: never): never
  collectSync(this: Lazily, ...options: never): never
  fetch(this: Lazily, ...options: never): never
  first(this: Lazily): never
  sinkCSV(this: Lazily, ...options: never): never
  sinkParquet(this: Lazily, ...options: never): never
  sinkNdJson(this: Lazily, ...options: never): never
  sinkIpc(this: Lazily, ...options: never): never
}
