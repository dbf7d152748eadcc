import { expect, test } from 'vitest'
import { breaker } from '../../lib/core/breaker.ts'
import { PermanentError, TransientError } from '../../lib/core/errors.ts'
import { CircuitOpenError } from '../../lib/core/retry.ts'
import { manualClock } from '../kit/context.ts'

const down = async (): Promise<never> => {
  throw new TransientError('connection refused')
}
const up = async () => 'up'

function opened() {
  const clock = manualClock()
  const circuit = breaker('a.example', { failures: 3, openMs: 1000 })
  const fail = () => expect(circuit.run(clock, down)).rejects.toThrow('connection refused')
  const refused = () => expect(circuit.run(clock, up)).rejects.toBeInstanceOf(CircuitOpenError)
  return { clock, circuit, fail, refused }
}

test('breaker refuses at once after N failures in a row, saying which host and why', async () => {
  const { clock, circuit, fail } = opened()
  for (let i = 0; i < 3; i++) await fail()
  let ran = false
  const error = await circuit
    .run(clock, async () => {
      ran = true
    })
    .catch((e: unknown) => e)
  expect(ran).toBe(false)
  expect(error).toBeInstanceOf(TransientError)
  expect(error).toMatchObject({
    message: 'circuit open: a.example failed 3 times in a row, last: connection refused',
    exitCode: 75,
    cause: { message: 'connection refused' },
  })
})

test('breaker counts only failures in a row, and only transient ones', async () => {
  const { clock, circuit, fail } = opened()
  const forbidden = async () => {
    throw new PermanentError('403')
  }
  for (const interruption of [up, forbidden]) {
    await fail()
    await fail()
    await circuit.run(clock, interruption).catch(() => {})
  }
  await fail()
  await fail()
  expect(await circuit.run(clock, up)).toBe('up')
})

test('breaker lets one trial through after openMs; its success closes the circuit', async () => {
  const { clock, circuit, fail, refused } = opened()
  for (let i = 0; i < 3; i++) await fail()
  clock.advance(999)
  await refused()
  clock.advance(1)
  const answer = Promise.withResolvers<string>()
  const trial = circuit.run(clock, () => answer.promise)
  await refused()
  answer.resolve('back')
  expect(await trial).toBe('back')
  expect(await circuit.run(clock, up)).toBe('up')
})

test('breaker opens anew when the trial fails', async () => {
  const { clock, fail, refused } = opened()
  for (let i = 0; i < 3; i++) await fail()
  clock.advance(1000)
  await fail()
  await refused()
  clock.advance(1000)
  await fail()
  await refused()
})
