import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { RunContext, RunEvent } from '../../core/context.ts'
import { type DuckDB, openDuckDB } from '../../engines/duckdb.ts'
import type { OpenEngine } from '../../engines/engine-pool.ts'
import { bindPipeline } from '../define/bind.ts'
import { loadPipeline } from '../define/load-definition.ts'
import { requireCurrentSchema } from '../define/schema-check.ts'
import { openLanding } from '../open-landing.ts'
import type { Project } from '../project.ts'
import type { Computing } from '../run/compute.ts'

/** A pipeline bound, and what has landed at hand; no source, warehouse or store of deliveries is opened, so nothing can be committed. */
export interface Scratch {
  readonly computing: Computing
  readonly binder: DuckDB
  /** The context of a unit that works in `folder`. */
  context(partition: string | undefined, folder: string): RunContext
  close(): Promise<void>
}

export interface ScratchOptions {
  /** Where everything is written; the caller removes it. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly openEngine?: OpenEngine
  readonly emit?: (event: RunEvent, partition: string | undefined) => void
}

/** @throws ConfigError when the pipeline or its schema.ts is wrong */
export async function openScratch(project: Project, name: string, options: ScratchOptions): Promise<Scratch> {
  const { folder, signal, clock, openEngine = openDuckDB, emit = () => {} } = options
  const { config } = project
  const temp = join(folder, 'bind')
  await mkdir(temp, { recursive: true })
  const binder = await openDuckDB({ memoryBytes: 256 * 2 ** 20, threads: 1, temp })
  try {
    const loaded = await loadPipeline(config.folder, name)
    const schema = loaded.definition.schema ?? {}
    const pipeline = await bindPipeline(loaded, schema, config, binder)
    requireCurrentSchema(pipeline, schema)
    const store = openLanding(config, signal)
    return {
      computing: { pipeline, schema, store, shared: new Map(), whole: new Map(), pinned: new Set(), openEngine },
      binder,
      context: (partition, workspace) => ({
        pipeline: name,
        run: 'certify',
        ...(partition !== undefined && { partition }),
        clock,
        signal,
        workspace,
        limits: config.limits,
        emit: (event) => emit(event, partition),
      }),
      close: async () => {
        binder.close()
        await store.close()
      },
    }
  } catch (error) {
    binder.close()
    throw error
  }
}
