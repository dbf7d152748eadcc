/** What a partition wants of the memory of all. */
export interface Need {
  readonly bytes: number
  /** Nothing may run beside it: it was too much beside others. */
  readonly alone: boolean
}

/** How often others may begin before one whose turn it is and that does not fit. */
export const PATIENCE = 16

/**
 * Decides which partition begins now, of those whose time has come, in their order; undefined: none, until one that runs has ended. The first one, if it fits beside those that run; else the next that does, but not before one
 * that was passed over `PATIENCE` times: so memory is filled, and a large one gets its turn. One that is larger than the whole budget, or is to be alone, begins when nothing else runs.
 */
export function admit<T>(
  budgetBytes: number,
  { running, ready }: { readonly running: readonly T[]; readonly ready: readonly T[] },
  needOf: (each: T) => Need,
  passedOver: (each: T) => number,
): T | undefined {
  if (running.length === 0) return ready[0]
  if (running.some((each) => needOf(each).alone)) return undefined
  const free = budgetBytes - running.reduce((sum, each) => sum + needOf(each).bytes, 0)
  for (const each of ready) {
    const { bytes, alone } = needOf(each)
    if (!alone && bytes <= free) return each
    if (passedOver(each) >= PATIENCE) return undefined
  }
  return undefined
}

/** `admit`, with the memory of who was passed over. */
export function admission<T>(
  budgetBytes: number,
  needOf: (each: T) => Need,
  nameOf: (each: T) => string,
): (ready: readonly T[], running: readonly T[]) => T | undefined {
  const passed = new Map<string, number>()
  return (ready, running) => {
    const chosen = admit(budgetBytes, { running, ready }, needOf, (each) => passed.get(nameOf(each)) ?? 0)
    if (chosen === undefined) return undefined
    passed.delete(nameOf(chosen))
    for (const each of ready.slice(0, ready.indexOf(chosen))) passed.set(nameOf(each), (passed.get(nameOf(each)) ?? 0) + 1)
    return chosen
  }
}

/** What running all of them comes to, each taking as long and as much as is forecast, so many at once at most. `startSeconds`: what a worker takes to begin, before its first. */
export function simulate(
  budgetBytes: number,
  lanes: number,
  forecasts: readonly { readonly seconds: number; readonly peakBytes: number }[],
  startSeconds = 0,
): { readonly seconds: number; readonly peakBytes: number } {
  interface Task {
    readonly name: string
    readonly seconds: number
    readonly bytes: number
    endsAt: number
  }
  let ready: readonly Task[] = forecasts.map(({ seconds, peakBytes }, i) => ({ name: String(i), seconds, bytes: peakBytes, endsAt: 0 }))
  let running: readonly Task[] = []
  const next = admission<Task>(
    budgetBytes,
    ({ bytes }) => ({ bytes, alone: false }),
    ({ name }) => name,
  )
  let [now, highest, workers] = [0, 0, 0]
  while (ready.length > 0 || running.length > 0) {
    const begun = running.length < lanes ? next(ready, running) : undefined
    if (begun) {
      const isNew = running.length === workers
      if (isNew) workers++
      begun.endsAt = now + begun.seconds + (isNew ? startSeconds : 0)
      ready = ready.filter((each) => each !== begun)
      running = [...running, begun]
      highest = Math.max(
        highest,
        running.reduce((sum, { bytes }) => sum + bytes, 0),
      )
      continue
    }
    now = Math.min(...running.map(({ endsAt }) => endsAt))
    running = running.filter(({ endsAt }) => endsAt > now)
  }
  return { seconds: now, peakBytes: highest }
}
