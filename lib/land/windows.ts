import type { TimeWindow } from '../core/dataset.ts'
import type { LoadManifest } from '../state/manifest.ts'

type RecordedWindow = NonNullable<LoadManifest['window']>

/** A window as it stands in records. */
export function textOfWindow({ start, end }: TimeWindow): RecordedWindow {
  return { start: start.toISOString(), end: end.toISOString() }
}

/** Whether a recorded window is this one; true where neither is there. */
export function isSameWindow(recorded: RecordedWindow | undefined, window: TimeWindow | undefined): boolean {
  if (!recorded || !window) return recorded === window
  return Date.parse(recorded.start) === window.start.getTime() && Date.parse(recorded.end) === window.end.getTime()
}
