import { expect, test } from 'vitest'
import { errorData, errorFromData } from '../../lib/core/error-data.ts'
import * as errors from '../../lib/core/errors.ts'
import { CircuitOpenError } from '../../lib/core/retry.ts'
import { Secret } from '../../lib/core/secret.ts'

const { CheckError, ConfigError, HeldError, OutrunError, PermanentError, TransientError } = errors
const across = (error: unknown): Error => errorFromData(structuredClone(errorData(error)))

test('an error that crosses is of the same kind, with its place, its hint and its causes', () => {
  for (const Kind of [ConfigError, CheckError, OutrunError, HeldError, PermanentError]) {
    const error = new Kind('it did not work', { stage: 'load', table: 't', row: 3, hint: 'try it', cause: new Error('the reason') })
    const crossed = across(error)
    expect(crossed).toBeInstanceOf(Kind)
    expect(crossed).toMatchObject({ name: Kind.name, message: error.message, hint: 'try it', place: error.place, exitCode: error.exitCode })
    expect(crossed.cause).toMatchObject({ message: 'the reason' })
  }
})

test('every kind that core/errors has crosses as itself', () => {
  const kinds = Object.values(errors).filter((each) => typeof each === 'function' && each.prototype instanceof errors.MillraceError)
  expect(kinds.length).toBeGreaterThan(8)
  for (const Kind of kinds as readonly (new (message: string) => Error)[]) expect(across(new Kind('x'))).toBeInstanceOf(Kind)
})

test('a kind that only one side knows is its base there; how long to wait comes along', () => {
  expect(across(new CircuitOpenError('open'))).toBeInstanceOf(TransientError)
  expect(across(new TransientError('slow', { retryAfterMs: 1500 }))).toMatchObject({ retryAfterMs: 1500 })
})

test('a bug crosses with its name and the stack that it had', () => {
  const bug = new TypeError('x is not a function')
  const crossed = across(bug)
  expect(crossed).not.toBeInstanceOf(errors.MillraceError)
  expect([crossed.name, crossed.message, crossed.stack]).toEqual(['TypeError', bug.message, bug.stack])
  expect(across('thrown text').message).toBe('thrown text')
})

test('no secret crosses', () => {
  const password = new Secret('env:PASSWORD', () => 'swordfish-77')
  const error = new PermanentError(`cannot log in with ${password.reveal()}`, { value: 'swordfish-77', cause: new Error('swordfish-77') })
  expect(JSON.stringify(errorData(error))).not.toContain('swordfish')
})
