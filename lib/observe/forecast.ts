import type { ForecastReport } from './report.ts'
import { formatBytes, formatDuration } from './units.ts'

/** `4 min 05 s, 1.2 GB of memory at most, 340.0 MB written; learned from 200 partitions`. */
export function forecastText({ seconds, peakBytes, bytesWritten, from }: ForecastReport): string {
  return `${formatDuration(seconds * 1000)}, ${formatBytes(peakBytes)} of memory at most, ${formatBytes(bytesWritten)} written; learned from ${from}`
}

/** How wrong it was: `took 4 min 20 s (+6 %), 1.1 GB (-8 %), 340.0 MB written (0 %)`; undefined: nothing is known of what it took. */
export function forecastError({ seconds, peakBytes, bytesWritten, took }: ForecastReport): string | undefined {
  if (!took) return undefined
  return [
    `took ${formatDuration(took.seconds * 1000)}${off(seconds, took.seconds)}`,
    `${formatBytes(took.peakBytes)}${off(peakBytes, took.peakBytes)}`,
    `${formatBytes(took.bytesWritten)} written${off(bytesWritten, took.bytesWritten)}`,
  ].join(', ')
}

function off(forecast: number, took: number): string {
  if (forecast <= 0) return ''
  const percent = Math.round((took / forecast - 1) * 100)
  return ` (${percent > 0 ? '+' : ''}${percent} %)`
}
