import type { ForecastReport, PartitionReport } from '../report.ts'
import type { MemoryPlan } from './memory-plan.ts'

/** The forecast of the partitions that a backfill has made, beside what they took; undefined where none was made, or nothing was known before. */
export function forecastHeld(
  memory: MemoryPlan,
  reports: readonly PartitionReport[],
  took: { readonly seconds: number; readonly peakBytes: number },
): ForecastReport | undefined {
  const made = reports.filter(({ partition, outcome }) => partition !== '' && (outcome === 'done' || outcome === 'open'))
  const forecast = memory.total(made.map(({ partition }) => partition))
  const written = made.flatMap(({ steps }) =>
    steps.flatMap(({ stage, of, outcome, bytes = 0 }) =>
      (stage === 'land' || stage === 'export') && of === undefined && (outcome === 'done' || outcome === 'staged') ? [bytes] : [],
    ),
  )
  return forecast && { ...forecast, took: { ...took, bytesWritten: written.reduce((sum, bytes) => sum + bytes, 0) } }
}
