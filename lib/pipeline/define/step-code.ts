import { canonicalJson, hashOf } from '../../core/hash.ts'
import { quoteLiteral } from '../../core/quote.ts'
import type { DuckDB } from '../../engines/duckdb.ts'
import type { LoadedStep } from '../../transform/bound.ts'
import { sqlTokens } from '../../transform/sql-text.ts'
import type { BoundPipeline } from './bind.ts'
import { type PipelineCode, readPipelineCode } from './code.ts'

/** What a step says, not how it is written. */
export interface StepCode {
  readonly hash: string
  /**
   * Hashes of what it is made of, by what a person calls it: `SQL`, `values`, `window`, `frame`, `udf initials`, `module ./tidy.ts`, `pipeline.ts`. They tell what changed where `hash` did; it alone decides whether
   * anything did.
   */
  readonly parts: Readonly<Record<string, string>>
}

/** The code of a pipeline's steps, by name. */
export type StepHashes = Readonly<Record<string, StepCode>>

/** Hashes each step: SQL as DuckDB's parsed tree says it, a frame by its tokens and those of the local code that it reaches. */
export async function stepHashes(pipeline: BoundPipeline, db: DuckDB): Promise<StepHashes> {
  const needsCode = Object.values(pipeline.bound.steps).some((step) => step.engine === 'polars' || step.udf)
  const code = needsCode ? await readPipelineCode(pipeline.loaded.file) : undefined
  return Object.fromEntries(
    await Promise.all(Object.entries(pipeline.bound.steps).map(async ([name, step]) => [name, await stepCode(step, code, db)])),
  )
}

async function stepCode(step: LoadedStep, code: PipelineCode | undefined, db: DuckDB): Promise<StepCode> {
  const { window } = step
  const cut = window === undefined ? {} : { window: hashOf(window) }
  if (step.engine === 'polars') {
    const { hash, own, reached } = functionOf(step.frame, code)
    return { hash: hashOf({ frame: hash, window }), parts: { frame: own, ...reached, ...cut } }
  }
  const sql = await sqlMeaning(step.text, db)
  const values = step.values.map(String)
  const udfs = Object.entries(step.udf ?? {}).map(([name, { parameters, returns, apply }]) => {
    const { hash, own, reached } = functionOf(apply, code)
    return { key: { name, parameters, returns, apply: hash }, parts: { [`udf ${name}`]: hashOf({ parameters, returns, own }), ...reached } }
  })
  return {
    hash: hashOf({ sql, values, window, udfs: udfs.map(({ key }) => key) }),
    parts: Object.assign(
      { SQL: hashOf(sql), ...(values.length > 0 && { values: hashOf(values) }), ...cut },
      ...udfs.map(({ parts }) => parts),
    ),
  }
}

/** A function's hash, with those of its own text and of what it reaches. */
function functionOf(apply: (...given: never) => unknown, code: PipelineCode | undefined) {
  const text = apply.toString()
  const { own, outside, modules } = code?.partsOfFunction(text) ?? { own: '', outside: '', modules: {} }
  const reached = Object.fromEntries(
    Object.entries(modules).map(([from, hash]) => [from.startsWith('.') ? `module ${from}` : `package ${from}`, hash]),
  )
  return { hash: code?.hashOfFunction(text), own, reached: { 'pipeline.ts': outside, ...reached } }
}

/**
 * What SQL means to DuckDB's parser, as text: the same whatever its spacing, comments and the case of its keywords and functions. What the parser cannot give back as text is taken by its tokens, where the case counts.
 */
export async function sqlMeaning(text: string, db: DuckDB): Promise<string> {
  const rows = await db.meta(`SELECT json_deserialize_sql(json_serialize_sql(${quoteLiteral(text)})) AS text`).catch(() => [])
  return rows[0]?.text ?? canonicalJson(sqlTokens(text).map((token) => token.text))
}
