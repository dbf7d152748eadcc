import { isDeepStrictEqual } from 'node:util'

/** An expectation that a contract does not keep. */
export interface Breach {
  /** What of the consumer's file it is: `schema.fields.amount.type`. */
  readonly at: string
  /** As the consumer's file has it, or as Frictionless has it where that says nothing. */
  readonly expected: unknown
  readonly actual: unknown
  /** The same in words. */
  readonly what: string
  /** What in the contract would mend it. */
  readonly mend: string
}

/** A breach in a column, `what` being said of it. */
export function columnBreach(
  name: string,
  at: string,
  what: string,
  mend: string,
  [expected, actual]: readonly [unknown, unknown],
): Breach {
  const of = at === '' ? `schema.fields.${name}` : `schema.fields.${name}.${at}`
  return { at: of, expected, actual, what: `column "${name}" ${what}`, mend }
}

/** A breach where a property is not as expected; none where nothing is expected. */
export function differs(at: string, expected: unknown, actual: unknown, mend: string): readonly Breach[] {
  if (expected === undefined || isDeepStrictEqual(expected, actual)) return []
  const is = actual === undefined ? 'not given' : JSON.stringify(actual)
  const name = at.replace(/^.*\./, '')
  return [{ at, expected, actual: actual ?? null, what: `${name} is ${is}, expected ${JSON.stringify(expected)}`, mend }]
}
