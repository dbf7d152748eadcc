import type { SourceConnection } from '../../connectors/source.ts'
import type { Store } from '../../connectors/store.ts'
import type { Token, Warehouse } from '../../connectors/warehouse.ts'
import type { Dataset } from '../../core/dataset.ts'
import type { Stage } from '../../core/errors.ts'
import type { LoadManifest } from '../../state/manifest.ts'
import type { Recipes } from '../../state/recipes.ts'
import type { BoundPipeline } from '../define/bind.ts'
import type { StepHashes } from '../define/step-code.ts'
import type { Aside } from './aside.ts'
import type { LandingTools } from './landing.ts'
import type { StagingBook } from './staging-book.ts'

/** What a run is asked to do beyond bringing what is due up to date. */
export interface RunChoices {
  /** Read sources again, even where a complete window has landed. */
  readonly refresh: boolean
  /** Compute again from what has landed, even where the input key is the same. */
  readonly force: boolean
  /** Do this stage alone, from existing inputs. */
  readonly only: Stage | undefined
}

/** What the units of one run share. */
export interface Session extends LandingTools {
  readonly pipeline: BoundPipeline
  readonly choices: RunChoices
  readonly steps: StepHashes
  /** What the parts of committed keys were made from. */
  readonly recipes: Recipes
  /** Ends the reader child while no job runs, for its memory; whoever reads next starts another one. */
  restReader(): Promise<void>
  readonly connections: Readonly<Record<string, SourceConnection>>
  readonly exports: Store
  /** Opened at first use, since a warehouse file has one writer. */
  readonly warehouse: () => Warehouse
  /** The warehouse's tokens, as read once and then kept by this run's own commits. */
  readonly tokens: TokenBook
  /** Shared datasets as this run sees them, by name: read once, pinned for all partitions. */
  readonly shared: Map<string, Dataset>
  /** The loads behind those of them that are read whole: their bytes are compared once something is computed from them. */
  readonly whole: Map<string, LoadManifest>
  /** Given where nothing is to be committed but what lands. */
  readonly aside?: Aside
  /** Partitions that a look-back is to read again under `--refresh`, by name; absent: none. */
  readonly again?: ReadonlySet<string>
  /** What is staged of named deliveries. */
  readonly staged: StagingBook
  /** Keys of the landing manifests that the run has read. */
  readonly pinned: Set<string>
}

/** Whether a stage is part of this run. */
export function does(choices: Pick<RunChoices, 'only'>, stage: Stage): boolean {
  if (choices.only === undefined) return true
  if (stage === 'extract' || stage === 'land') return choices.only === 'extract' || choices.only === 'land'
  if (stage === 'transform') return choices.only !== 'extract' && choices.only !== 'land'
  if (stage === 'check') return choices.only === 'check' || choices.only === 'load' || choices.only === 'export'
  return choices.only === stage
}

/** Tokens by table and partition. */
export interface TokenBook {
  get(table: string, partition: string): Token | undefined
  /** Names of the partitions of a table that have a token, sorted. */
  partitionsOf(table: string): readonly string[]
  /** Names of the tables that have a token. */
  tables(): readonly string[]
  set(token: Token): void
  /** Forgets all, and knows these. */
  reset(tokens: readonly Token[]): void
}

export function tokenBook(tokens: readonly Token[]): TokenBook {
  const key = (table: string, partition: string) => `${table}\0${partition}`
  const entries = (of: readonly Token[]) => of.map((token) => [key(token.table, token.partition), token] as const)
  let book = new Map(entries(tokens))
  return {
    get: (table, partition) => book.get(key(table, partition)),
    partitionsOf: (table) => [...book.values()].flatMap((token) => (token.table === table ? [token.partition] : [])).sort(),
    tables: () => [...new Set([...book.values()].map(({ table }) => table))],
    set: (token) => void book.set(key(token.table, token.partition), token),
    reset: (all) => {
      book = new Map(entries(all))
    },
  }
}

/** Extracted datasets of a unit that land: those with partitions, or the shared ones. */
export function extractedOf({ pipeline }: Pick<Session, 'pipeline'>, partitioned: boolean): readonly string[] {
  const { definition, bound } = pipeline
  return Object.entries(definition.extract).flatMap(([name, { forward }]) =>
    forward !== true && (bound.datasets[name]?.partitioned ?? false) === partitioned ? [name] : [],
  )
}

/** Those of them that others read: what lands undecoded is only loaded. */
export function readableOf(session: Pick<Session, 'pipeline'>, partitioned: boolean): readonly string[] {
  const { extract } = session.pipeline.definition
  return extractedOf(session, partitioned).filter((name) => extract[name]?.forward === undefined)
}
