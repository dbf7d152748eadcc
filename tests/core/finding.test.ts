import { describe, expect, it, test } from 'vitest'
import { CheckError, ConfigError, PermanentError, TransientError } from '../../lib/core/errors.ts'
import { clockFinding, fault, fine, looking } from '../../lib/core/finding.ts'
import { Secret } from '../../lib/core/secret.ts'

describe('fault', () => {
  it.each([
    [new ConfigError('a'), 'configuration'],
    [new TransientError('a'), 'unreachable'],
    [new PermanentError('a'), 'other'],
    [new CheckError('a'), 'other'],
    [new TypeError('a'), 'other'],
    ['a', 'other'],
  ] as const)('of %o is of kind %s', (error, kind) => {
    expect(fault('rights', error)).toEqual({ what: 'rights', state: 'fault', found: 'a', kind })
  })

  it('takes the hint of an error for advice, unless it is given one; no secret, one line', () => {
    const password = new Secret('env:X', () => 'hidden-password').reveal()
    const error = new PermanentError(`two\n  lines with ${password}`, { hint: `not ${password}` })
    expect(fault('rights', error)).toMatchObject({ found: 'two; lines with [secret]', advice: 'not [secret]' })
    expect(fault('rights', error, { advice: 'do this', kind: 'configuration' })).toMatchObject({ advice: 'do this', kind: 'configuration' })
  })
})

test('looking gives one finding, or several, or what was thrown', async () => {
  expect(await looking('a', async () => fine('b', 'c'))).toEqual([fine('b', 'c')])
  expect(await looking('a', async () => [])).toEqual([])
  expect(await looking('a', () => Promise.reject(new TransientError('late')))).toEqual([
    { what: 'a', state: 'fault', found: 'late', kind: 'unreachable' },
  ])
})

test.each([
  [0, 'ok', 'as theirs'],
  [-1000, 'ok', 'as theirs'],
  [1001, 'ok', '1 s from theirs'],
  [60_000, 'ok', '60 s from theirs'],
  [60_001, 'warning', 'this machine is 60 s behind theirs'],
  [-90_000, 'warning', 'this machine is 90 s ahead of theirs'],
] as const)('clockFinding of a clock that is %d ms before ours: %s', (ms, state, found) => {
  const ours = new Date('2026-11-26T10:00:00Z')
  expect(clockFinding('theirs', new Date(ours.getTime() + ms), ours)).toMatchObject({ what: 'clock', state, found })
})
