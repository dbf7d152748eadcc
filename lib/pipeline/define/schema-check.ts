import { ConfigError } from '../../core/errors.ts'
import type { BoundPipeline } from './bind.ts'
import type { AnyPipeline, Schema } from './definition.ts'
import { schemaDifference } from './schema-file.ts'

/** What schema.ts says of the extracted datasets. */
export function extractedPart(definition: AnyPipeline, schema: Schema): Schema {
  return Object.fromEntries(
    Object.keys(definition.extract)
      .flatMap((name) => [`${name}.source`, name])
      .flatMap((name) => (schema[name] ? [[name, schema[name]]] : [])),
  )
}

/** The schema that a pipeline has: what is extracted as declared, results as bound. */
export function resultingSchema(pipeline: BoundPipeline, extracted: Schema): Schema {
  return { ...extracted, ...Object.fromEntries(pipeline.bound.order.map((name) => [name, pipeline.bound.datasets[name]?.columns ?? {}])) }
}

/** @throws ConfigError when schema.ts is not what the pipeline has: a run never writes it */
export function requireCurrentSchema(pipeline: BoundPipeline, schema: Schema): void {
  const { name } = pipeline.definition
  const changes = schemaDifference(schema, resultingSchema(pipeline, extractedPart(pipeline.definition, schema)))
  if (changes.length === 0) return
  throw new ConfigError(`schema.ts is out of date: ${changes.join('; ')}`, {
    pipeline: name,
    file: pipeline.loaded.schemaFile,
    hint: `run millrace plan ${name}, look at the change, and commit schema.ts`,
  })
}
