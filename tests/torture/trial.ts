import { type Ended, type RunOptions, runStep } from './child.ts'
import { type Content, contentOf, differences, heldLocks, leftovers, tornParts } from './content.ts'
import type { Known, Reference } from './reference.ts'

/** What came of runs that were struck and then run again. */
export interface Trial {
  readonly name: string
  /** Of each run that was killed, the stages that it was in: `load 2024-01-01 sale sale`. */
  readonly kills: readonly (readonly string[])[]
  /** What was wrong; nothing when millrace kept its promises. */
  readonly faults: readonly string[]
  /** The longest time that a child outlived its killed parent. */
  readonly orphanMs: number
}

/** How a run that was struck may end; what is wrong with another end. */
export type Verdict = (ended: Ended) => string[]

export const killed: Verdict = (ended) => (ended.signal === 'SIGKILL' || ended.code === 0 ? [] : [`ended by itself: ${describeEnd(ended)}`])

export interface StrikeOptions {
  /** Default `killed`. */
  readonly verdict?: Verdict
  /** Which names a run that has ended well may lack in the end, since it has said that it does without. */
  readonly without?: (ended: Ended) => RegExp | undefined
  /** A clean-up that failed may leave what `millrace prune` then removes. */
  readonly prunes?: boolean
}

/** Where a step is run and struck, and how one looks at what it leaves. */
export interface Place {
  run(options: RunOptions): Promise<Ended>
  content(): Promise<Content>
  /** Locks that somebody holds, when nobody works. */
  heldLocks(): string[]
  /** What a finished run must not have left. */
  leftovers(): string[] | Promise<string[]>
}

/**
 * Runs one step with each attempt's strikes in turn, then without any until it is done. After each strike a reader looks: nothing half-done is visible, no process and no lock is left. At the end everything
 * equals what an unkilled run makes.
 */
export async function strikeAt(
  place: Place,
  { before, after }: Pick<Known, 'before' | 'after'>,
  name: string,
  attempts: readonly RunOptions[],
  { verdict = killed, without, prunes }: Omit<StrikeOptions, 'prunes'> & { readonly prunes?: RunOptions } = {},
): Promise<Trial> {
  const kills: (readonly string[])[] = []
  const faults: string[] = []
  let orphanMs = 0
  let lacking: RegExp | undefined
  for (const [i, attempt] of [...attempts, {}].entries()) {
    const last = i === attempts.length
    const ended = await place.run(attempt)
    const say = (what: string) => faults.push(`${last ? 'rerun' : `run ${i + 1}`}: ${what}`)
    if (ended.signal === 'SIGKILL') kills.push(ended.within)
    for (const wrong of last ? (ended.code === 0 ? [] : [describeEnd(ended)]) : verdict(ended)) say(wrong)
    if (ended.orphanMs === undefined) say('a child process was left for more than 5 s')
    else orphanMs = Math.max(orphanMs, ended.orphanMs)
    if (ended.code === 0) lacking = without?.(ended)
    if (ended.code === 0) break
    for (const wrong of [...place.heldLocks(), ...tornParts(await place.content(), before, after)]) say(wrong)
  }
  const found = await place.content()
  const expected = new Map([...after].filter(([name]) => found.has(name) || !lacking?.test(name)))
  faults.push(...differences(found, expected))
  if (prunes && (await place.leftovers()).length > 0) {
    const pruned = await place.run(prunes)
    if (pruned.code !== 0) faults.push(`prune: ${describeEnd(pruned)}`)
  }
  faults.push(...(await place.leftovers()).map((path) => `left over: ${path}`))
  return { name, kills, faults, orphanMs }
}

/** `strikeAt` in the project of files. */
export function strike(
  { project }: Pick<Reference, 'project'>,
  known: Known,
  name: string,
  attempts: readonly RunOptions[],
  { prunes, ...options }: StrikeOptions = {},
): Promise<Trial> {
  const { state } = project
  const place: Place = {
    run: (each) => runStep(project, known.step, each),
    content: () => contentOf(state),
    heldLocks: () => heldLocks(state),
    leftovers: () => leftovers(state),
  }
  return strikeAt(place, known, name, attempts, { ...options, ...(prunes && { prunes: { args: ['prune', 'sales'] } }) })
}

export function describeEnd({ code, signal, stdout, stderr }: Ended): string {
  return `${signal ?? `exit ${code}`}\n${stderr}${stdout}`.trimEnd()
}
