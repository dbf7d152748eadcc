import type { Comparison } from '../export/gate/compare.ts'
import type { NoticeReport } from '../observe/report.ts'

/** One thing that a pointer has said. */
export interface DeliverySwitch {
  readonly switch: number
  /** UTC, ISO 8601. */
  readonly at: string
  readonly run: string
  readonly current: boolean
  readonly manifest: string
  /** null: its manifest is gone. */
  readonly rows: number | null
  readonly files: number | null
  /** Whether every file is there, so that one can go back to it. */
  readonly whole: boolean
  readonly rolledBack?: { readonly from: string; readonly reason: string }
  readonly accepted?: { readonly reason: string }
}

/** What one export's partition, or a named delivery, has been. */
export interface DeliveryHistory {
  readonly name: string
  /** null: it is not one partition's. */
  readonly partition: string | null
  /** Newest first. */
  readonly switches: readonly DeliverySwitch[]
  readonly held?: Pick<DeliverySwitch, 'at' | 'run' | 'manifest' | 'rows' | 'files'> & {
    readonly beyond: readonly string[]
    readonly samples: readonly string[]
  }
}

/** Two deliveries, compared. */
export interface DeliveryDiff {
  readonly name: string
  readonly partition: string | null
  /** Numbers of switches, or what is held. */
  readonly from: number | 'held'
  readonly to: number | 'held'
  /** For each export and partition that both hold, and hold otherwise. */
  readonly compared: readonly (Comparison & {
    readonly path: string
    readonly partition: string | null
    /** Where rows that differ were written, if that was asked for. */
    readonly sample?: string
  })[]
}

/** A pointer that a person has switched. */
export interface SwitchedReport {
  readonly pipeline: string
  readonly name: string
  readonly partition: string | null
  /** Numbers of the switch before, and of this one. */
  readonly from: number
  readonly switch: number
  readonly manifest: string
  readonly rows: number
  readonly files: number
  /** Absent where nobody was told, and nothing waits. */
  readonly notices?: readonly NoticeReport[]
}
