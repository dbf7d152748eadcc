import type { ExportFormat } from '../contract/export.ts'
import type { Compression } from './members.ts'

/** What is so of all files of a format. */
export interface FileForm {
  /** What the name of a file ends in where the export's path does not say. */
  readonly ending: string
  /** All endings that say this format to a reader. */
  readonly endings: readonly string[]
  /** As IANA or the format's own makers have it. */
  readonly mediaType: string
  /** How Frictionless calls it. */
  readonly frictionless: string
}

export const FORMS: Readonly<Record<ExportFormat, FileForm>> = {
  csv: { ending: '.csv', endings: ['.csv', '.tsv', '.tab'], mediaType: 'text/csv', frictionless: 'csv' },
  ndjson: { ending: '.ndjson', endings: ['.ndjson', '.jsonl', '.json'], mediaType: 'application/x-ndjson', frictionless: 'ndjson' },
  arrow: {
    ending: '.arrow',
    endings: ['.arrow', '.feather', '.ipc'],
    mediaType: 'application/vnd.apache.arrow.file',
    frictionless: 'arrow',
  },
  parquet: { ending: '.parquet', endings: ['.parquet', '.pq'], mediaType: 'application/vnd.apache.parquet', frictionless: 'parquet' },
  xlsx: {
    ending: '.xlsx',
    endings: ['.xlsx', '.xls'],
    mediaType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    frictionless: 'xlsx',
  },
}

/** Whether a file is compressed as a whole; Parquet and the like compress what is inside. */
export function packingOf(contract: { readonly format: ExportFormat; readonly compression?: string }): 'none' | Compression {
  const { format, compression } = contract
  return (format === 'csv' || format === 'ndjson') && (compression === 'gzip' || compression === 'zstd') ? compression : 'none'
}
