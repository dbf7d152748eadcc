/** One way in which partitions are computed again: what differs from the first time. */
export interface Setting {
  readonly name: string
  /** For people: `… differ when <when>`. */
  readonly when: string
  /** Variables of the child's environment. */
  readonly environment: Readonly<Record<string, string>>
  /** How much the clock is ahead: the project's, JavaScript's `Date`, and that of the engine's SQL functions. */
  readonly clockAheadMs?: number
  /** How the rows of what has landed are laid out: in small row groups, so that few rows are work for several threads; or in another order. */
  readonly inputs?: 'smallGroups' | 'shuffled'
  /** What it can bring to light. */
  readonly shows: readonly Kind[]
}

/** Why a result may differ: the clock, randomness, the order of rows, rows that tie in an order, sums of floats, the process's zone, its locale, its environment. */
export type Kind = 'clock' | 'random' | 'order' | 'ties' | 'float' | 'zone' | 'locale' | 'environment'

const ROWS: readonly Kind[] = ['order', 'ties', 'float']

/** More than a year, and at another hour: no part of a date stays what it was. */
const AHEAD_MS = (400 * 24 + 7) * 3_600_000 + 13 * 60_000 + 17_000

/** The first time: as a run does it, on this machine as it is. */
export const AS_IS: Setting = { name: 'as it is', when: '', environment: {}, shows: [] }

/** The settings one by one. `threads`: those of the profile. */
export function settingsFor(threads: number, environment: NodeJS.ProcessEnv): readonly Setting[] {
  const many = Math.max(4, 2 * threads)
  const zone = environment.TZ === 'Pacific/Kiritimati' ? 'America/St_Johns' : 'Pacific/Kiritimati'
  return [
    { name: 'again', when: 'nothing is changed', environment: {}, shows: ['clock', 'random', ...ROWS] },
    ...[1, many].map(
      (count): Setting => ({
        name: `threads ${count}`,
        when: `there ${count === 1 ? 'is 1 thread' : `are ${count} threads`}`,
        environment: { MILLRACE_THREADS: String(count), POLARS_MAX_THREADS: String(count) },
        inputs: 'smallGroups',
        shows: ROWS,
      }),
    ),
    { name: `zone ${zone}`, when: `the machine's zone is ${zone}`, environment: { TZ: zone }, shows: ['zone', 'environment'] },
    {
      name: 'locale tr_TR',
      when: "the machine's locale is Turkish",
      environment: { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
      shows: ['locale', 'environment'],
    },
    { name: 'clock', when: 'it is 400 days later', environment: {}, clockAheadMs: AHEAD_MS, shows: ['clock'] },
    { name: 'order', when: 'what has landed is read in another order', environment: {}, inputs: 'shuffled', shows: ROWS },
  ]
}
