import type { Recipe } from '../../state/recipes.ts'
import type { ChangeKind } from '../stale-report.ts'

/** One thing that is other than when something was made. */
export interface Change {
  readonly kind: ChangeKind
  /** The step, function, module, parameter, path, table or dataset. */
  readonly name: string
  /** What of it is other: `its text`, `orderBy`; empty where the name says all. */
  readonly what: string
  /** The step that it is a piece of. */
  readonly step?: string
}

/** How two recipes of a target's code differ, by name; none where they do not. */
export function codeChanges(before: Recipe, now: Recipe, target: string): readonly Change[] {
  const groups = [...new Set([...Object.keys(now), ...Object.keys(before)])]
  return groups.flatMap((group): readonly Change[] => {
    const [was, is] = [before[group], now[group]]
    if (group.startsWith('step ')) return stepChanges(group.slice('step '.length), was, is)
    const names = differing(was, is)
    if (group === 'parameters') return names.map((name) => ({ kind: 'parameter', name, what: fate(was, is, name) }))
    if (names.length === 0 || (group !== 'load' && group !== 'export')) return []
    return [
      { kind: group === 'load' ? 'table' : 'contract', name: target, what: names.map((name) => name.replace(/^column /, '')).join(', ') },
    ]
  })
}

/** Which shared inputs are others. `alone`: the code is the same, so that it reads the same columns of them. */
export function inputChanges(before: Recipe, now: Recipe, alone: boolean): readonly Change[] {
  const read = differing(before.inputs, now.inputs)
  // What names the same content may have become another.
  const other = read.filter((name) => before.whole?.[name] !== now.whole?.[name])
  const names = alone ? other : other.filter((name) => before.inputs?.[name] !== undefined)
  return names.filter((name) => now.inputs?.[name] !== undefined).map((name) => ({ kind: 'input', name, what: 'its content' }))
}

type Parts = Recipe[string] | undefined

function stepChanges(step: string, was: Parts, is: Parts): readonly Change[] {
  if (!was) return [{ kind: 'step', name: step, what: 'it is new', step }]
  if (!is) return [{ kind: 'step', name: step, what: 'it is gone' }]
  if (was[''] === is['']) return []
  const found = differing(was, is).flatMap((part): readonly Change[] => (part === '' ? [] : partChange(step, part, was, is)))
  return found.length > 0 ? found : [{ kind: 'step', name: step, what: 'its code', step }]
}

function partChange(step: string, part: string, was: Recipe[string], is: Recipe[string]): readonly Change[] {
  const [kind = '', ...rest] = part.split(' ')
  const name = rest.join(' ')
  switch (kind) {
    case 'SQL':
    case 'frame':
      // A step that was turned from one to the other has changed once.
      if (is[part] === undefined) return []
      return [
        {
          kind: kind === 'SQL' ? 'sql' : 'frame',
          name: step,
          what: was[part] === undefined ? 'it was another kind of step' : 'its text',
          step,
        },
      ]
    case 'values':
    case 'window':
      return [
        { kind: is.frame === undefined ? 'sql' : 'frame', name: step, what: kind === 'values' ? 'the values in it' : 'its window', step },
      ]
    case 'udf':
      return [{ kind: 'function', name, what: fate(was, is, part), step }]
    case 'module':
    case 'package':
      return [{ kind: 'module', name, what: fate(was, is, part), step }]
    default:
      return [{ kind: 'module', name: part, what: 'what stands outside of the pipeline', step }]
  }
}

function fate(was: Parts, is: Parts, name: string): string {
  if (was?.[name] === undefined) return 'it is new'
  return is?.[name] === undefined ? 'it is gone' : ''
}

function differing(was: Parts = {}, is: Parts = {}): readonly string[] {
  return [...new Set([...Object.keys(is), ...Object.keys(was)])].filter((name) => was[name] !== is[name])
}
