import { hashOf } from '../../core/hash.ts'
import type { Recipe, Recipes } from '../../state/recipes.ts'
import type { BoundPipeline, Target } from './bind.ts'
import { codeDigits, codeOf, type KeyInputs, sharedContents, sharedDigits, sharedInputs } from './input-key.ts'
import type { StepHashes } from './step-code.ts'

/** The group of a step's pieces; `''` is all of it. */
export const stepGroup = (name: string) => `step ${name}`

/** What the code of a target is made of: each step, the parameters, its table or contract. */
export function codeRecipe(pipeline: BoundPipeline, target: Target, steps: StepHashes): Recipe {
  const code = codeOf(pipeline, target, steps)
  return {
    ...Object.fromEntries(code.steps.map(({ name, hash }) => [stepGroup(name), { '': hash, ...steps[name]?.parts }])),
    parameters: hashes(code.parameters),
    [target.stage]: hashes(targetParts(target, code.target)),
  }
}

function targetParts(target: Target, code: ReturnType<typeof codeOf>['target']): Readonly<Record<string, unknown>> {
  if (target.stage === 'load') return { table: target.load.table, ...target.load.disposition }
  const { contract, ...rest } = code as { readonly contract: { readonly columns?: Readonly<Record<string, string>> } }
  const { columns = {}, ...options } = contract
  const types = Object.entries(columns).map(([name, type]) => [`column ${name}`, type] as const)
  return { ...rest, ...options, ...Object.fromEntries(types), 'order of columns': Object.keys(columns) }
}

/** What a target is computed from and shares with other partitions: of each input what names it in the key, and all of its content. */
export function sharedRecipe(pipeline: BoundPipeline, target: Target, contents: KeyInputs['contents']): Recipe {
  const whole = sharedInputs(pipeline, target).map((name) => [name, contents(name).map(({ hash }) => hash)] as const)
  return { inputs: hashes(sharedContents(pipeline, target, contents)), whole: hashes(Object.fromEntries(whole)) }
}

/** The digits under which a target's whole recipe lies that is not made for each partition: its key says nothing of its parts. */
export const wholeDigits = (key: string) => key.slice(0, 16)

/** Remembers, before a target is committed under a key, what that is made from. */
export async function keepRecipe(recipes: Recipes, pipeline: BoundPipeline, target: Target, inputs: KeyInputs, key: string): Promise<void> {
  const { steps, contents } = inputs
  const code = codeRecipe(pipeline, target, steps)
  if (!target.partitioned) return recipes.keep(wholeDigits(key), { ...code, ...sharedRecipe(pipeline, target, contents) })
  await recipes.keep(codeDigits(pipeline, target, steps), code)
  const shared = sharedDigits(pipeline, target, contents)
  if (shared !== undefined) await recipes.keep(shared, sharedRecipe(pipeline, target, contents))
}

function hashes(record: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([name, value]) => (value === undefined ? [] : [[name, hashOf(value).slice(0, 32)]])),
  )
}
