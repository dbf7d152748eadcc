import { expect, test } from 'vitest'
import { ConnectionLost, explained } from '../../../lib/connectors/postgres/faults.ts'

const said = (code: string, message: string) => explained(Object.assign(new Error(message), { code }), 'connecting to shop')

test('explained takes a session that the server has ended for being slow or idle for a lost one', () => {
  for (const [code, timeout] of [
    ['25P03', 'idle-in-transaction timeout'],
    ['25P04', 'transaction timeout'],
    ['57P05', 'idle-session timeout'],
  ] as const) {
    const lost = said(code, `terminating connection due to ${timeout}`)
    expect(lost).toBeInstanceOf(ConnectionLost)
    expect(lost).toMatchObject({ message: `connecting to shop failed: terminating connection due to ${timeout} (${code})` })
  }
})
