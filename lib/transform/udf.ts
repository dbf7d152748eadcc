import type * as Vendor from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import { ConfigError, messageOf } from '../core/errors.ts'
import type { DuckDB } from '../engines/duckdb.ts'
import { scalars } from '../engines/types.ts'
import type { LoadedStep } from './bound.ts'
import { isUdf, type Udf } from './steps.ts'

/** Types whose values are plain JavaScript values, by the vendor's names: int64 and uint64 are bigint, the other numbers number. */
const { boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, text } = scalars
const types = { boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, text }

type TypeName = (typeof types)[keyof typeof types]

/** The UDF whose error a message of DuckDB's is, if it is one. */
export function udfOfError(message: string): string | undefined {
  return /\budf (\w+)\(\): /.exec(message)?.[1]
}

/** True for SQL that declares this UDF. */
export function hasUdf(step: LoadedStep | undefined, name: string): boolean {
  return step?.engine === 'duckdb' && Object.hasOwn(step.udf ?? {}, name)
}

/** True where any step declares one. */
export function usesUdfs(steps: Readonly<Record<string, LoadedStep>>): boolean {
  return Object.values(steps).some((step) => step.engine === 'duckdb' && Object.keys(step.udf ?? {}).length > 0)
}

/**
 * Registers the steps' UDFs under their names in an engine; gives the names in lower case. Each is called with whole columns of a chunk (up to 2,048 rows, NULL as null) on
 * the event loop's thread. @throws ConfigError for a type other than boolean, integers, floats and text, or one name for two functions.
 */
export async function registerUdfs(db: DuckDB, steps: Readonly<Record<string, LoadedStep>>): Promise<ReadonlySet<string>> {
  const known = new Map<string, { readonly step: string; readonly udf: Udf }>()
  for (const [dataset, step] of Object.entries(steps)) {
    if (step.engine !== 'duckdb') continue
    for (const [name, udf] of Object.entries(step.udf ?? {})) {
      const other = known.get(name.toLowerCase())
      if (other?.udf === udf) continue
      const place = { stage: 'transform', dataset } as const
      if (other) throw new ConfigError(`udf ${name}() is another function in step ${other.step}; give one of them another name`, place)
      if (!/^[A-Za-z_]\w*$/.test(name)) throw new ConfigError(`udf name ${JSON.stringify(name)} must be letters, digits and _`, place)
      known.set(name.toLowerCase(), { step: dataset, udf })
      if (!isUdf(udf)) throw new ConfigError(`udf ${name} is none; write udf: { ${name}: udf(['text'], 'int32', (texts) => …) }`, place)
      const typed = [...udf.parameters, udf.returns].map((type) => {
        const found = Object.hasOwn(types, type) ? types[type as keyof typeof types] : undefined
        if (!found)
          throw new ConfigError(`udf ${name}() cannot take or give ${type}; expected ${Object.keys(types).join(', ')}: cast in SQL`, place)
        return found
      })
      register(await import('@duckdb/node-api'), db, name, { udf, typed })
    }
  }
  return new Set(known.keys())
}

/** Names by connection: DuckDB lists registered functions among its own. */
const registered = new WeakMap<object, Set<string>>()

/** @throws ConfigError for a UDF that would hide a function of DuckDB's own */
export async function refuseBuiltIns(db: DuckDB, steps: Readonly<Record<string, LoadedStep>>): Promise<void> {
  const owners = Object.entries(steps).flatMap(([dataset, step]) =>
    step.engine === 'duckdb' ? Object.keys(step.udf ?? {}).map((name) => [name.toLowerCase(), { name, dataset }] as const) : [],
  )
  if (owners.length === 0) return
  const names = owners.map(([name]) => name).join(' ')
  const found = await db.meta(
    "SELECT DISTINCT lower(function_name) AS name FROM duckdb_functions() WHERE internal AND lower(function_name) IN (SELECT unnest(string_split($names, ' ')))",
    { names },
  )
  const own = registered.get(db.connection)
  const clash = owners.find(([name]) => !own?.has(name) && found.some((each) => each.name === name))?.[1]
  if (clash)
    throw new ConfigError(`udf ${clash.name}() has the name of a function of DuckDB; give it another`, {
      stage: 'transform',
      dataset: clash.dataset,
    })
}

interface TypedUdf {
  readonly udf: Udf
  /** Of its parameters, and of what it returns. */
  readonly typed: readonly TypeName[]
}

function register(vendor: typeof Vendor, db: DuckDB, name: string, { udf, typed }: TypedUdf): void {
  const scalar = vendor.DuckDBScalarFunction.create({
    name,
    parameterTypes: typed.slice(0, -1).map((type) => vendor[type]),
    returnType: vendor[typed.at(-1) ?? 'VARCHAR'],
    // Without it DuckDB would answer NULL itself where an argument is NULL.
    specialHandling: true,
    mainFunction: (info, chunk, output) => {
      try {
        apply(udf, chunk, output)
      } catch (error) {
        info.setError(`udf ${name}(): ${messageOf(error)}`)
      }
    },
  })
  try {
    duckdb.register_scalar_function(db.connection.handle, scalar.scalar_function)
    registered.set(db.connection, (registered.get(db.connection) ?? new Set()).add(name.toLowerCase()))
  } finally {
    scalar.destroySync()
  }
}

function apply(udf: Udf, chunk: Vendor.DuckDBDataChunk, output: Vendor.DuckDBVector): void {
  const columns = Array.from({ length: chunk.columnCount }, (_, i) => chunk.getColumnVector(i).toArray())
  const results = udf.apply(...columns)
  if (results.length !== chunk.rowCount) throw new Error(`gave ${results.length} values for ${chunk.rowCount} rows`)
  // Values, not rows: one column of a chunk of at most 2,048.
  for (const [i, value] of results.entries()) output.setItem(i, value as Vendor.DuckDBValue)
  output.flush()
}
