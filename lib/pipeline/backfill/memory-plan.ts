import type { ForecastReport } from '../../observe/report.ts'
import type { Ledger } from '../../state/ledger.ts'
import type { CellRow } from '../../state/ledger-rows.ts'
import { simulate } from './admit.ts'
import type { Budget } from './budget.ts'
import { type Forecast, forecast, learn } from './forecast.ts'
import { historyOf } from './history.ts'
import { type MemoryBudget, memoryBudget } from './memory-budget.ts'

const LOOKED_AT = 100

/** What a backfill reckons with. */
export interface MemoryPlan {
  readonly budget: MemoryBudget
  forecast(partition: string): Forecast
  /** Of these partitions together, run as the budget allows; undefined: nothing is known to forecast them from, or there are none. */
  total(partitions: readonly string[]): ForecastReport | undefined
}

/** `cells`: those of the pipeline, as the ledger remembers them. `startSeconds`: what a worker takes to open the pipeline, of which they know nothing. */
export function memoryPlan(budget: Budget, cells: readonly CellRow[], machineBytes: number, startSeconds = 0): MemoryPlan {
  const memory = memoryBudget(budget, machineBytes)
  const of = forecaster(cells, memory.shareBytes)
  return {
    budget: memory,
    forecast: of,
    total: (partitions) => {
      const forecasts = partitions.map(of)
      const { seconds, peakBytes } = simulate(memory.workersBytes, budget.jobs, forecasts, startSeconds)
      return totalOf(forecasts, seconds, peakBytes + memory.parentOwnBytes)
    },
  }
}

/** What a run of these partitions, one after the other in one process, comes to; undefined: nothing is known to forecast it from, or there are none. */
export function runForecast(cells: readonly CellRow[], partitions: readonly string[]): ForecastReport | undefined {
  const forecasts = partitions.map(forecaster(cells, 0))
  const seconds = forecasts.reduce((sum, each) => sum + each.seconds, 0)
  return totalOf(forecasts, seconds, Math.max(0, ...forecasts.map(({ peakBytes }) => peakBytes)))
}

/** Of the last runs of a pipeline that had a forecast and came to an end, the newest. */
export function lastForecast(ledger: Pick<Ledger, 'runs'>, pipeline: string): ForecastReport | undefined {
  return ledger.runs(pipeline, LOOKED_AT).find(({ forecast }) => forecast?.took !== undefined)?.forecast
}

function forecaster(cells: readonly CellRow[], defaultPeakBytes: number): (partition: string) => Forecast {
  const { made, sizeOf } = historyOf(cells)
  const learned = learn(made)
  const known = new Map<string, Forecast>()
  return (partition) => {
    const sizeBytes = sizeOf(partition)
    const found = known.get(partition) ?? forecast(learned, { partition, ...(sizeBytes !== undefined && { sizeBytes }) }, defaultPeakBytes)
    known.set(partition, found)
    return found
  }
}

function totalOf(forecasts: readonly Forecast[], seconds: number, peakBytes: number): ForecastReport | undefined {
  const [first] = forecasts
  if (!first || first.from === 'default') return undefined
  const bytesWritten = forecasts.reduce((sum, each) => sum + each.bytesWritten, 0)
  return { partitions: forecasts.length, seconds, peakBytes, bytesWritten, from: first.from }
}
