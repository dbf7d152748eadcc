import { errorReport } from '../../observe/error-report.ts'
import type { NoticeReport } from '../report.ts'

/** What a run has told whom, and what waits. */
export interface NoticeBook {
  sent(receiver: string): void
  /** All of this pointer has been told. */
  settled(receiver: string, folder: string): void
  /** Something of this pointer waits; without an error: it was not tried. */
  waits(receiver: string, folder: string, error?: unknown): void
  /** By name. */
  reports(): readonly NoticeReport[]
}

interface Entry {
  sent: number
  readonly waiting: Set<string>
  error: unknown
}

export function noticeBook(): NoticeBook {
  const book = new Map<string, Entry>()
  const entry = (receiver: string) => {
    const known = book.get(receiver) ?? { sent: 0, waiting: new Set<string>(), error: undefined }
    book.set(receiver, known)
    return known
  }
  return {
    sent: (receiver) => void entry(receiver).sent++,
    settled: (receiver, folder) => void entry(receiver).waiting.delete(folder),
    waits: (receiver, folder, error) => {
      const known = entry(receiver)
      known.waiting.add(folder)
      known.error ??= error
    },
    reports: () =>
      [...book]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .filter(([, { sent, waiting }]) => sent > 0 || waiting.size > 0)
        .map(([receiver, { sent, waiting, error }]) => ({
          receiver,
          sent,
          pending: waiting.size,
          ...(waiting.size > 0 && error !== undefined && { error: errorReport(error) }),
        })),
  }
}
