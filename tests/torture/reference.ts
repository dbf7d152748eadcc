import { type Ended, runStep } from './child.ts'
import { type Content, contentOf, leftovers } from './content.ts'
import { makeProject, type TortureProject } from './project.ts'
import type { Scale, Step } from './scenario.ts'

/** A step of the script with what an unkilled run of it makes. */
export interface Known {
  readonly step: Step
  /** The name under which the project keeps the state before the step. */
  readonly saved: string
  readonly before: Content
  readonly after: Content
  /** The unkilled run. */
  readonly run: Ended
}

export interface Reference extends Disposable {
  readonly project: TortureProject
  readonly known: readonly Known[]
}

/** Runs the whole script without a kill, and keeps the state before each step. */
export async function makeReference(scale: Scale): Promise<Reference> {
  const project = makeProject(scale)
  const known: Known[] = []
  let before: Content = new Map()
  for (const [i, step] of project.steps.entries()) {
    const saved = `before-${i + 1}`
    if (i > 0) project.save(saved)
    project.prepare(step)
    const run = await runStep(project, step)
    if (run.code !== 0) throw new Error(`the unkilled run of "${step.name}" ended with ${run.code}:\n${run.stderr}${run.stdout}`)
    const after = await contentOf(project.state)
    const wrong = [...[...after.keys()].filter((name) => name.startsWith('fault')), ...leftovers(project.state)]
    if (wrong.length > 0) throw new Error(`the unkilled run of "${step.name}" left ${wrong.join(', ')}`)
    known.push({ step, saved, before, after, run })
    before = after
  }
  return { project, known, [Symbol.dispose]: () => project.remove() }
}

/** The state before a step, and the source as it is at its run. */
export function rewind({ project, known }: Reference, to: Pick<Known, 'step' | 'saved'>): void {
  project.restore(to.saved)
  for (const { step } of known) {
    project.prepare(step)
    if (step === to.step) return
  }
}
