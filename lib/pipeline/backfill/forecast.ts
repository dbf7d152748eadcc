/** What one partition took when it was last made. */
export interface Made {
  readonly partition: string
  /** Bytes that landed of it; absent: nothing lands for each partition. */
  readonly sizeBytes?: number
  readonly seconds: number
  readonly peakBytes?: number
  readonly bytesDelivered: number
}

/** What one partition will take. */
export interface Forecast {
  readonly seconds: number
  /** Resident memory of the process at work on it and of those below it: what few will exceed. */
  readonly peakBytes: number
  /** Landed, where it has not landed, and delivered. */
  readonly bytesWritten: number
  /** What it is learned from: `12 partitions`, or `default` where nothing is known. */
  readonly from: string
}

/** What is known of a pipeline's partitions, made by `learn`. */
export interface Learned {
  readonly count: number
  readonly sizeBytes: number | undefined
  readonly seconds: Line
  readonly peakBytes: Line
  readonly bytesDelivered: Line
  readonly own: ReadonlyMap<string, Made>
}

/** `y = slope × size + typical`; nearly all of what was seen lies at or below `slope × size + high`, and nothing below `least`. */
interface Line {
  readonly slope: number
  readonly typical: number
  readonly high: number
  readonly least: number
  readonly known: boolean
}

/** So many of the newest are looked at: what a machine did years ago says little. */
const NEWEST = 200
/** Of those that are learned from so many lie at or below a forecast of memory. */
const HIGH = 0.95
/** A line needs so many of different sizes. */
const ENOUGH = 4

/**
 * Learns how time, memory and bytes written go with the landed size: a line whose slope is the median of all pairs' (Theil–Sen), so that single ones that went wrong do not bend it, and never falls. Where sizes are not known, or
 * hardly differ, quantiles alone. `made`: the newest last.
 */
export function learn(made: readonly Made[]): Learned {
  const newest = made.slice(-NEWEST)
  const sizes = newest.flatMap(({ sizeBytes }) => sizeBytes ?? [])
  const line = (value: (each: Made) => number | undefined) =>
    lineThrough(
      newest.flatMap((each) => {
        const y = value(each)
        return y === undefined || !Number.isFinite(y) || y < 0 ? [] : [{ x: each.sizeBytes, y }]
      }),
    )
  return {
    count: newest.length,
    sizeBytes: sizes.length === 0 ? undefined : quantile(sizes, 0.75),
    seconds: line(({ seconds }) => seconds),
    peakBytes: line(({ peakBytes }) => peakBytes),
    bytesDelivered: line(({ bytesDelivered }) => bytesDelivered),
    own: new Map(made.map((each) => [each.partition, each])),
  }
}

/**
 * Forecasts one partition. `sizeBytes`: what has landed of it; absent: as much as of most. `defaultPeakBytes`: where no memory is known. Time and bytes are what is likely, memory is what few exceed, and never less than the partition
 * took itself.
 */
export function forecast(
  learned: Learned,
  { partition, sizeBytes }: { readonly partition: string; readonly sizeBytes?: number },
  defaultPeakBytes: number,
): Forecast {
  const own = learned.own.get(partition)
  const x = sizeBytes ?? own?.sizeBytes ?? learned.sizeBytes ?? 0
  const { seconds, peakBytes, bytesDelivered, count } = learned
  const peak = peakBytes.known ? Math.max(at(peakBytes, x, 'high'), own?.peakBytes ?? 0) : defaultPeakBytes
  return {
    seconds: at(seconds, x, 'typical'),
    peakBytes: Math.ceil(peak),
    bytesWritten: Math.round(at(bytesDelivered, x, 'typical') + (sizeBytes === undefined ? x : 0)),
    from: count === 0 ? 'default' : count === 1 ? '1 partition' : `${count} partitions`,
  }
}

function at({ slope, typical, high, least }: Line, x: number, which: 'typical' | 'high'): number {
  return Math.max(least, slope * x + (which === 'high' ? high : typical))
}

function lineThrough(points: readonly { readonly x: number | undefined; readonly y: number }[]): Line {
  const slope = Math.max(0, medianSlope(points))
  const rests = points.map(({ x = 0, y }) => y - slope * x)
  if (points.length === 0) return { slope: 0, typical: 0, high: 0, least: 0, known: false }
  return { slope, typical: quantile(rests, 0.5), high: quantile(rests, HIGH), least: Math.min(...points.map(({ y }) => y)), known: true }
}

function medianSlope(points: readonly { readonly x: number | undefined; readonly y: number }[]): number {
  const sized = points.flatMap(({ x, y }) => (x === undefined ? [] : [{ x, y }]))
  if (sized.length < points.length || new Set(sized.map(({ x }) => x)).size < ENOUGH) return 0
  const slopes: number[] = []
  for (const [i, a] of sized.entries()) for (const b of sized.slice(i + 1)) if (a.x !== b.x) slopes.push((b.y - a.y) / (b.x - a.x))
  return quantile(slopes, 0.5)
}

/** The smallest value that at least this part of them does not exceed. */
function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0
}
