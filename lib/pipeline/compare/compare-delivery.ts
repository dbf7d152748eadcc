import { mkdir } from 'node:fs/promises'
import type { RunContext } from '../../core/context.ts'
import { messageOf, NotFound, PermanentError } from '../../core/errors.ts'
import type { Side } from '../../export/gate/side.ts'
import { keyOfDelivery, withSides, zoneOf } from '../../export/gate/with-sides.ts'
import type { MadeAside } from '../../export/make-aside.ts'
import type { DeliveryManifest } from '../../export/manifest.ts'
import { readJson } from '../../export/objects.ts'
import type { ExportTarget } from '../define/bind.ts'
import type { Session } from '../run/session.ts'
import type { TargetComparison } from './compare-report.ts'
import { differencesOf } from './differences.ts'
import { comparedColumnsOf } from './sides.ts'

/** What is compared with what was delivered last. */
export interface ComparedDelivery {
  readonly session: Pick<Session, 'exports' | 'openEngine'>
  readonly target: ExportTarget
  readonly aside: MadeAside
  /** Where rows that differ go, as Parquet. */
  readonly sample: string
}

/** Compares a delivery that is made with the one before it, by the gate's key, else by the columns of its order, else as whole rows. Values are what stands in the files. */
export async function compareDelivery({ session, target, aside, sample }: ComparedDelivery, ctx: RunContext): Promise<TargetComparison> {
  const { made, last } = aside
  const about = { stage: 'export', dataset: target.dataset, target: target.export.path } as const
  const after = made?.manifest
  const key = after ? (target.export.contract.gate?.key ?? keyOfDelivery(after)) : []
  const rows = after?.rows ?? 0
  const equal = {
    removed: 0,
    changed: 0,
    columns: [],
    newColumns: [],
    goneColumns: [],
    retyped: [],
    staying: 0,
    superseded: 0,
    examples: [],
  }
  if (!last) return { ...about, ...equal, key, before: 0, after: rows, added: rows, kept: 0, first: true }
  const found = await readJson(session.exports, last.manifest, 'DeliveryManifest').catch(unread)
  const before = found instanceof Error ? undefined : found?.value
  if (!before) {
    const incomparable = `what was delivered last cannot be read: ${found instanceof Error ? found.message : `${last.manifest} is gone`}`
    return { ...about, ...equal, key, before: 0, after: rows, added: 0, kept: 0, first: false, incomparable }
  }
  // Without rows the contract keeps what is there.
  if (!after) return { ...about, ...equal, key, before: before.rows, after: before.rows, added: 0, kept: before.rows, first: false }
  const { columns: _, ...shape } = comparedColumnsOf(columnsOf(before), columnsOf(after))
  if (sameFiles(before, after)) return { ...about, ...equal, ...shape, key, before: rows, after: rows, added: 0, kept: rows, first: false }
  const counted = { ...about, ...equal, ...shape, key, before: before.rows, after: rows, added: 0, kept: 0, first: false }
  const unreadable = (error: unknown): TargetComparison => ({ ...counted, incomparable: unread(error).message })
  if (after.contract.format === 'xlsx') return { ...counted, incomparable: 'Excel workbooks cannot be compared, and their bytes differ' }
  const tools = { store: session.exports, ctx, openEngine: session.openEngine }
  await mkdir(ctx.workspace, { recursive: true })
  return withSides<TargetComparison>({ before, after, zone: zoneOf(after), unreadable }, tools, async (db, was, is) => {
    const differing = { db, before: withoutRetyped(was, shape.retyped), after: withoutRetyped(is, shape.retyped), key, sample }
    const differences = await differencesOf({ ...differing, signal: ctx.signal })
    return { ...counted, ...differences }
  })
}

function columnsOf({ contract }: DeliveryManifest): Readonly<Record<string, string>> {
  return Object.fromEntries(contract.columns.map(({ name, type }) => [name, type]))
}

function sameFiles(before: DeliveryManifest, after: DeliveryManifest): boolean {
  return (
    before.rows === after.rows &&
    before.files.length === after.files.length &&
    before.files.every(({ sha256, bytes }, i) => sha256 === after.files[i]?.sha256 && bytes === after.files[i]?.bytes)
  )
}

function withoutRetyped(side: Side, retyped: TargetComparison['retyped']): Side {
  return { ...side, columns: side.columns.filter((name) => !retyped.some((each) => each.name === name)) }
}

/** What is gone or damaged cannot be compared; whatever else went wrong may go through later. */
function unread(error: unknown): Error {
  if (!(error instanceof NotFound || error instanceof PermanentError)) throw error
  return new Error(messageOf(error))
}
