import { errorFromData } from '../../core/error-data.ts'
import { type Answer, type Asked, type CallName, calls } from './calls.ts'
import type { FromWorker, ToWorker } from './messages.ts'

/** A worker's questions to its parent. */
export interface ParentLink {
  /** @throws what the parent threw, as the same kind of error */
  call<N extends CallName>(name: N, asked: Asked<N>): Promise<Answer<N>>
  /** Takes the parent's answers. */
  answered(message: Extract<ToWorker, { type: 'answer' | 'refused' }>): void
}

/** `send`: one message to the parent. */
export function parentLink(send: (message: FromWorker) => void): ParentLink {
  const waiting = new Map<number, { readonly call: CallName; resolve(value: unknown): void; reject(error: unknown): void }>()
  let last = 0
  return {
    call: <N extends CallName>(call: N, asked: Asked<N>) =>
      new Promise<unknown>((resolve, reject) => {
        const id = ++last
        waiting.set(id, { call, resolve, reject })
        send({ type: 'call', id, call, asked })
      }) as Promise<Answer<N>>,
    answered: (message) => {
      const asked = waiting.get(message.id)
      if (!asked) return
      waiting.delete(message.id)
      if (message.type === 'refused') return asked.reject(errorFromData(message.error))
      const { success, data, error } = calls[asked.call].answer.safeParse(message.value)
      if (success) asked.resolve(data)
      else asked.reject(new TypeError(`the parent's answer to ${asked.call} is none: ${error.message}`))
    },
  }
}
