import { open } from 'node:fs/promises'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { CheckError, TransientError } from '../../core/errors.ts'
import { quoted } from '../answers.ts'
import type { HttpRequest } from '../requests.ts'
import { BrokenText, bodyText } from './body-text.ts'
import type { Answer } from './exchange.ts'
import { scannerOf } from './scan.ts'

const NO_CONTENT: readonly number[] = [204, 205]
const BEGINNING = 200

/** A page of rows that has arrived whole. */
export interface Page {
  readonly rows: number
  readonly rowsHash: string
  readonly next?: string
  readonly link?: string
  readonly url: string
  /** Unpacked. */
  readonly bytes: number
}

export interface PageOptions {
  readonly request: HttpRequest
  /** Where the body is written, without a byte-order mark. */
  readonly file: string
  readonly maxBytes: number
  readonly what: string
}

/**
 * Streams a body into a file and looks through it on the way. A body that ends early or is not of the declared format comes back as the error to retry, not thrown: the host did answer.
 * @throws CheckError for a body that is too large, or is whole and has no array of objects where the rows should be; TransientError when the connection breaks off.
 */
export async function receivePage(answer: Answer, options: PageOptions): Promise<Page | TransientError> {
  const { request, file, maxBytes, what } = options
  const link = answer.headers.get('link')
  const head = { url: answer.url.href, ...(link !== null && { link }) }
  if (NO_CONTENT.includes(answer.status)) return { ...head, rows: 0, rowsHash: '', bytes: 0 }
  const scanner = scannerOf(request)
  const out = await open(file, 'w')
  let received = 0
  let bytes = 0
  let start = Buffer.alloc(0)
  let broken: string | undefined
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of answer.bytes()) {
      received += chunk.length
      yield chunk
    }
  }
  try {
    for await (const chunk of bodyText(counted(), request)) {
      bytes += chunk.length
      if (bytes > maxBytes) throw tooLarge(what, maxBytes)
      if (start.length < BEGINNING) start = Buffer.concat([start, chunk.subarray(0, BEGINNING)])
      scanner.feed(chunk)
      await out.appendFile(chunk).catch((error: unknown) => {
        throw refusedByDisk(error, file, { stage: 'extract' })
      })
    }
  } catch (error) {
    if (!(error instanceof BrokenText)) throw error
    broken = error.message
  } finally {
    await out.close()
  }
  const { problem, misplaced, unexpected, ...facts } = scanner.end()
  const type = answer.headers.get('content-type')
  const html = isHtml(type, start.toString())
  const wrong = broken ?? missingBytes(answer.headers, received) ?? (html ? 'it is HTML' : problem)
  const came = received === 0 ? '' : `; ${received} bytes of ${type ?? 'no declared type'} came${quoted(start.toString(), 80)}`
  if (wrong === undefined && misplaced !== undefined)
    throw new CheckError(`${what} has its rows elsewhere: ${misplaced}${came}`, {
      stage: 'extract',
      hint: 'let `rows` of the request name the keys that lead to the array of rows; or look at what the service answers',
    })
  if (wrong === undefined && unexpected !== undefined)
    throw new CheckError(`${what} is no page of rows: ${unexpected}${came}`, {
      stage: 'extract',
      hint: 'look at what the service answers, and at `rows` and `paging` of the request',
    })
  if (wrong === undefined) return { ...head, ...facts, bytes }
  return new TransientError(`${what} is not whole ${(request.format ?? 'json').toUpperCase()}: ${wrong}${came}`, {
    stage: 'extract',
    ...(html && { hint: 'it is a page for people: check the path, and whether the service wants credentials' }),
  })
}

function tooLarge(what: string, maxBytes: number): CheckError {
  return new CheckError(`${what} is larger than ${maxBytes} bytes`, {
    stage: 'extract',
    hint: 'ask for smaller pages, or raise maxBodyBytes of the connection',
  })
}

/** Content-Length counts the packed bytes, so it says nothing of a packed body; there the unpacking finds an early end. */
function missingBytes(headers: Headers, bytes: number): string | undefined {
  const declared = headers.get('content-length')
  if (declared === null || headers.has('content-encoding')) return undefined
  return bytes !== Number(declared) ? `Content-Length says ${declared} bytes` : undefined
}

/** By its beginning: some services call their JSON text/html. */
function isHtml(type: string | null, start: string): boolean {
  return /^\s*<(!doctype html|html)\b/i.test(start) || (/^\s*</.test(start) && /^(text\/html|application\/xhtml)/i.test(type ?? ''))
}
