import { messageOf, PermanentError } from '../core/errors.ts'
import type { Encoding } from './encodings.ts'

const MARK = Buffer.from('\uFEFF')

/** Bytes of an encoding as UTF-8 without the byte-order mark, chunk by chunk: the way back of `encoded`. UTF-8 itself comes as it is. */
export interface Decoder {
  /** @throws PermanentError for bytes that are none of this encoding, or do not begin with the byte-order mark */
  add(chunk: Uint8Array): Uint8Array
  end(): Uint8Array
}

export function decoded(encoding: Encoding, mark: boolean): Decoder {
  const bytes = bytesOf(encoding)
  let head: Uint8Array | undefined = new Uint8Array(0)
  /** Takes the mark off as soon as there is enough to see it. */
  const unmarked = (text: Uint8Array, last: boolean): Uint8Array => {
    if (!mark || head === undefined) return text
    head = Buffer.concat([head, text])
    if (head.length < MARK.length && !last) return new Uint8Array(0)
    if (MARK.compare(head.subarray(0, MARK.length)) !== 0) throw new PermanentError('what was written has no byte-order mark')
    const rest = head.subarray(MARK.length)
    head = undefined
    return rest
  }
  return { add: (chunk) => unmarked(bytes(chunk), false), end: () => unmarked(bytes(), true) }
}

function bytesOf(encoding: Encoding): (chunk?: Uint8Array) => Uint8Array {
  if (encoding === 'utf-8') return (chunk = new Uint8Array(0)) => chunk
  // WHATWG's latin1 is windows-1252: ISO 8859-1 has the first 256 characters of Unicode.
  if (encoding === 'latin-1') return (chunk = new Uint8Array(0)) => Buffer.from(Buffer.from(chunk).toString('latin1'))
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true })
  return (chunk) => {
    try {
      return Buffer.from(decoder.decode(chunk, { stream: chunk !== undefined }))
    } catch (error) {
      throw new PermanentError(`what was written is no ${encoding}: ${messageOf(error)}`, { cause: error })
    }
  }
}
