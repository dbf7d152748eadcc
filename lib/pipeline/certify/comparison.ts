import type { DuckDB } from '../../engines/duckdb.ts'
import { parseSelect } from '../../transform/sql-tree.ts'
import { isOrdered } from '../../transform/suspects.ts'
import type { BoundPipeline, ExportTarget } from '../define/bind.ts'
import { likelyCauses } from './causes.ts'
import type { CertifyDifference } from './certificate.ts'
import { compareDatasets, type Difference } from './compare.ts'
import type { CertifyUnit, MadeDataset, MadeUnit } from './job.ts'
import { exportsOf, hashOfDelivery, keysOf } from './outputs.ts'
import type { Setting } from './settings.ts'

/** A difference as it was seen. */
interface Seen {
  readonly dataset: string
  readonly export?: ExportTarget
  readonly unit: CertifyUnit
  readonly setting: Setting
  readonly difference: Difference
}

/** Holds what settings give against what came out first, and keeps what differs. */
export class Comparison {
  readonly #pipeline: BoundPipeline
  readonly #binder: DuckDB
  readonly #first: readonly MadeUnit[]
  readonly #signal: AbortSignal
  readonly #seen: Seen[] = []

  constructor(pipeline: BoundPipeline, binder: DuckDB, first: readonly MadeUnit[], signal: AbortSignal) {
    this.#pipeline = pipeline
    this.#binder = binder
    this.#first = first
    this.#signal = signal
  }

  /** Compares what was made under a setting, in an engine of the caller's; its files may go afterwards. */
  async add(db: DuckDB, setting: Setting, units: readonly MadeUnit[]): Promise<void> {
    for (const [i, unit] of units.entries())
      for (const made of unit.datasets) {
        const first = this.#first[i]?.datasets.find(({ name }) => name === made.name)
        if (!first) throw new RangeError(`${made.name} was not computed the first time`)
        await this.#compare(db, setting, unit, first, made)
      }
  }

  async #compare(db: DuckDB, setting: Setting, unit: CertifyUnit, first: MadeDataset, then: MadeDataset): Promise<void> {
    const { name } = first
    const ordered = await this.#isOrdered(name)
    const keys = keysOf(this.#pipeline, name)
    const difference = await compareDatasets(db, first, then, { keys, ordered, signal: this.#signal })
    if (difference) this.#seen.push({ dataset: name, unit, setting, difference })
    for (const target of exportsOf(this.#pipeline, name)) {
      const [one, two] = [await hashOfDelivery(db, target, first, this.#signal), await hashOfDelivery(db, target, then, this.#signal)]
      if (one === two) continue
      const order = !difference || difference.order ? { columns: [], rows: first.rows, of: first.rows, order: true as const } : difference
      this.#seen.push({ dataset: name, export: target, unit, setting, difference: order })
    }
  }

  async #isOrdered(name: string): Promise<boolean> {
    const step = this.#pipeline.bound.steps[name]
    return step?.engine === 'duckdb' && isOrdered(await parseSelect(this.#binder, step.text))
  }

  /** What differs, in the order in which it is computed: one for each dataset and export. */
  async differences(): Promise<readonly CertifyDifference[]> {
    const all: CertifyDifference[] = []
    const differing = new Set(this.#seen.map(({ dataset }) => dataset))
    const groups = Map.groupBy(this.#seen, ({ dataset, export: target }) => `${dataset}\0${target?.export.path ?? ''}`)
    for (const group of groups.values()) {
      const [first] = group
      if (!first) continue
      const settings = [...new Set(group.map(({ setting }) => setting))]
      const columns = [...new Set(group.flatMap(({ difference }) => difference.columns))]
      const lastDigits = group.every(({ difference }) => difference.lastDigits)
      const far = new Set(
        group.flatMap(({ difference: { columns, near } }) => (near ? columns.filter((name) => !near.includes(name)) : [])),
      )
      const effect = { dataset: first.dataset, columns, settings, far, differing }
      const causes = await likelyCauses(this.#pipeline, this.#binder, effect)
      const { lastDigits: _, near: __, ...difference } = first.difference
      all.push({
        dataset: first.dataset,
        ...(first.export && { export: first.export.export.path }),
        partition: first.unit.partition,
        partitions: new Set(group.map(({ unit }) => unit.partition)).size,
        ...(first.unit.load && { load: first.unit.load, loads: new Set(group.map(({ unit }) => JSON.stringify(unit.load))).size }),
        settings: settings.map(({ name }) => name),
        when: first.setting.when,
        ...difference,
        columns,
        ...(lastDigits && { lastDigits: true }),
        causes,
        ...(lastDigits && !first.export && this.#isHidden(first.dataset) && { tolerated: true }),
      })
    }
    const rank = (name: string) => this.#pipeline.bound.order.indexOf(name)
    return all.sort((a, b) => rank(a.dataset) - rank(b.dataset))
  }

  /** Neither a table nor a file shows what differs in it. */
  #isHidden(dataset: string): boolean {
    const loaded = this.#pipeline.targets.some((target) => target.stage === 'load' && target.dataset === dataset)
    return !loaded && !this.#seen.some((seen) => seen.dataset === dataset && seen.export !== undefined)
  }
}
