import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chanceOf } from '../chance.ts'
import type { Ended } from '../child.ts'
import { runStep } from '../child.ts'
import { type Known, type Reference, rewind } from '../reference.ts'
import { describeEnd, killed, strike, type Trial, type Verdict } from '../trial.ts'
import type { Settings } from './part.ts'

export const DISK_FAULT = join(import.meta.dirname, '../preload/disk-fault.ts')

/** Which step is tried at every operation; the others at a sample. */
const EVERY = 'a day later'
const SAMPLES = 8

/** The process kills itself when it begins the Nth disk operation, N = 1, 2, … until a run is clean. */
export function killsAtOperations(reference: Reference, settings: Settings): Promise<readonly Trial[]> {
  return atOperations('kill', killed, reference, settings)
}

/** The Nth disk operation fails with EIO: the run says so and ends, or does without what failed; the rerun comes to the same. */
export function failuresOfOperations(reference: Reference, settings: Settings): Promise<readonly Trial[]> {
  return atOperations('eio', failedCleanly, reference, settings)
}

async function atOperations(mode: 'kill' | 'eio', verdict: Verdict, reference: Reference, settings: Settings): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  for (const known of settings.short ? reference.known.slice(1, 2) : reference.known) {
    const total = (await operationsOf(reference, known)).length
    for (const nth of operationsToTry(mode, total, known, settings)) {
      const trial = await strikeOperation(reference, known, mode, nth, verdict)
      settings.progress(trial)
      trials.push(trial)
    }
  }
  return trials
}

/** Every operation and a few beyond, since their number differs by a few from run to run; or some of them. */
function operationsToTry(mode: 'kill' | 'eio', total: number, { step }: Known, { seed, short }: Settings): number[] {
  if (!short && step.name === EVERY) return Array.from({ length: total + 3 }, (_, i) => i + 1)
  const samples = !short ? SAMPLES : mode === 'kill' ? 3 : 2
  const offset = chanceOf(seed, `${mode} at operations of ${step.name}`).below(Math.ceil(total / samples))
  return Array.from({ length: samples }, (_, i) => 1 + Math.floor((i * total) / samples) + offset).filter((nth) => nth <= total)
}

/** Strikes one operation of a step's run from the state before it. */
async function strikeOperation(reference: Reference, known: Known, mode: 'kill' | 'eio', nth: number, verdict: Verdict): Promise<Trial> {
  const file = join(reference.project.folder, 'operation.txt')
  rewind(reference, known)
  const attempt = { preload: [DISK_FAULT], env: { TORTURE_DISK: `${mode}:${nth}:${file}` } }
  const name = `${mode} at operation ${nth} of ${known.step.name}`
  const trial = await strike(reference, known, name, [attempt], { verdict, without: uncompacted, prunes: mode === 'eio' })
  const operation = readFileSync(file, 'utf8').trim().replaceAll(reference.project.folder, '')
  return { ...trial, name: `${trial.name} (${operation || 'none: the run was clean'})` }
}

const counted = new WeakMap<Known, Promise<readonly string[]>>()

/** The operations of a step's unkilled run, in order. */
function operationsOf(reference: Reference, known: Known): Promise<readonly string[]> {
  const operations = counted.get(known) ?? countOperations(reference, known)
  counted.set(known, operations)
  return operations
}

async function countOperations(reference: Reference, known: Known): Promise<readonly string[]> {
  rewind(reference, known)
  const file = join(reference.project.folder, 'operations.txt')
  const ended = await runStep(reference.project, known.step, { preload: [DISK_FAULT], env: { TORTURE_DISK: `count:${file}` } })
  if (ended.code !== 0) throw new Error(`an unkilled run ended with ${describeEnd(ended)}`)
  return readFileSync(file, 'utf8').trim().split('\n')
}

/** A landing stands without its compaction; the next one makes it. */
const uncompacted = (ended: Ended): RegExp | undefined =>
  /were not compacted/.test(ended.stderr + ended.stdout) ? /_compacted\// : undefined

/** An error of ours that says that the disk failed and what to do, not a bug's stack; or success, where what failed was of no weight. */
const failedCleanly: Verdict = (ended: Ended) => {
  const text = ended.stderr + ended.stdout
  const faults: string[] = []
  if (/This is a bug in millrace|\n\s+at .+:\d+:\d+/.test(text)) faults.push(`a stack is shown: ${describeEnd(ended)}`)
  if (ended.signal !== null) faults.push(describeEnd(ended))
  else if (ended.code !== 0 && !/the disk failed/.test(text)) faults.push(`the error does not say what failed: ${describeEnd(ended)}`)
  else if (ended.code !== 0 && ended.code !== 1) faults.push(`not exit 1: ${describeEnd(ended)}`)
  return faults
}
