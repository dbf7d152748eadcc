import { createHash } from 'node:crypto'
import type { BodyFacts, BodyScanner } from './scanner.ts'

export interface JsonScanOptions {
  /** A sequence of objects (NDJSON) instead of one value. */
  readonly lines: boolean
  /** Keys that lead to the array of rows; none: the value itself. */
  readonly rows: readonly string[]
  /** Keys that lead to the next cursor. */
  readonly next?: readonly string[]
}

/** What may come next. */
const VALUE = 0
const VALUE_OR_END = 1
const KEY = 2
const KEY_OR_END = 3
const COLON = 4
const COMMA_OR_END = 5
const NOTHING = 6

const MAX_CAPTURED = 65_536
const MAX_DEPTH = 1000

/** Byte → 1 for white space, 2 for what numbers, true, false and null are made of. */
const CLASS = new Uint8Array(256)
for (const c of ' \t\n\r') CLASS[c.charCodeAt(0)] = 1
for (const c of '+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ') CLASS[c.charCodeAt(0)] = 2
/** What a number, true, false and null begin with. */
const LITERAL_START = new Set([...'-0123456789tfn'].map((c) => c.charCodeAt(0)))
const KINDS: Readonly<Record<string, string>> = {
  '{': 'an object',
  '[': 'an array',
  '"': 'a text',
  t: 'a boolean',
  f: 'a boolean',
  n: 'null',
}

/** Follows one path of keys through the nesting. */
interface Trail {
  readonly keys: readonly string[]
  /** How many of the open containers lie on the path. */
  depth: number
}

/**
 * Walks the structure of a JSON body: counts the objects in the array of rows, hashes that array's bytes, captures the next cursor, and finds a body that is no JSON, ends early or has no such
 * array. Parses no values: texts and numbers pass unread, DuckDB judges them.
 */
export function jsonScanner({ lines, rows: rowKeys, next: nextKeys }: JsonScanOptions): BodyScanner {
  const rowsTrail: Trail = { keys: rowKeys, depth: 0 }
  const nextTrail: Trail | undefined = nextKeys && { keys: nextKeys, depth: 0 }
  const trails = nextTrail ? [rowsTrail, nextTrail] : [rowsTrail]
  const path = rowKeys.join('.')
  const hash = createHash('sha256')
  const open: number[] = []
  let expect = VALUE
  let token: 'none' | 'key' | 'text' | 'literal' = 'none'
  let escaped = false
  let capture: Buffer[] | undefined
  let captured = 0
  let capturesNext = false
  let key: string | undefined
  let bytes = 0
  let values = 0
  let rows = 0
  let rowsDepth = 0
  let rowsFound = lines
  let rowsKind = ''
  let hashing = lines
  let next: string | undefined
  let problem: string | undefined
  let unexpected: string | undefined

  const fail = (what: string) => {
    problem ??= what
  }

  /** Whether the value that begins now is the trail's end. */
  function arrives(trail: Trail): boolean {
    const depth = open.length
    return trail.keys.length === depth && trail.depth === depth && (depth === 0 || key === trail.keys[depth - 1])
  }

  function startValue(c: number): void {
    const kind = String.fromCharCode(c)
    const depth = open.length
    if (c !== 0x7b && c !== 0x5b && c !== 0x22 && !LITERAL_START.has(c)) {
      fail('it is not JSON')
      return
    }
    if (depth === 0) values++
    if (lines ? depth === 0 : rowsDepth > 0 && depth === rowsDepth) {
      rows++
      if (c !== 0x7b) unexpected ??= `row ${rows} is not an object`
    }
    const isRows = !lines && arrives(rowsTrail)
    if (isRows) {
      rowsKind = KINDS[kind] ?? 'a number'
      rowsFound = c === 0x5b
    }
    if (nextTrail && arrives(nextTrail)) {
      if (c === 0x7b || c === 0x5b) unexpected ??= `the next cursor at "${nextKeys?.join('.')}" is ${KINDS[kind]}`
      else capturesNext = true
    }
    if (c === 0x7b || c === 0x5b) {
      for (const trail of trails)
        if (c === 0x7b && trail.depth === depth && depth < trail.keys.length && (depth === 0 || key === trail.keys[depth - 1]))
          trail.depth = depth + 1
      open.push(c)
      if (open.length > MAX_DEPTH) fail(`it nests deeper than ${MAX_DEPTH}`)
      if (isRows && c === 0x5b) rowsDepth = open.length
      expect = c === 0x7b ? KEY_OR_END : VALUE_OR_END
    } else token = c === 0x22 ? 'text' : 'literal'
    if (capturesNext && token !== 'none') {
      begin()
      if (token === 'literal') take(Uint8Array.of(c))
    }
  }

  function begin(): void {
    capture = []
    captured = 0
  }

  function take(chunk: Uint8Array): void {
    captured += chunk.length
    if (captured > MAX_CAPTURED) fail(`a key or cursor is longer than ${MAX_CAPTURED} bytes`)
    else capture?.push(Buffer.from(chunk))
  }

  function endToken(): void {
    const raw = capture && Buffer.concat(capture).toString()
    const was = token
    token = 'none'
    capture = undefined
    if (was === 'key') {
      key = raw === undefined ? undefined : textOf(raw)
      expect = COLON
      return
    }
    if (capturesNext && raw !== undefined) {
      capturesNext = false
      const text = was === 'text' ? textOf(raw) : raw === 'null' ? '' : raw
      next = text === '' ? undefined : text
    }
    endValue()
  }

  function textOf(raw: string): string | undefined {
    try {
      return String(JSON.parse(`"${raw}"`))
    } catch {
      fail('it has a broken text')
      return undefined
    }
  }

  function endValue(): void {
    expect = open.length > 0 ? COMMA_OR_END : lines ? VALUE : NOTHING
  }

  function close(c: number): void {
    const opened = open.pop()
    if (opened !== (c === 0x7d ? 0x7b : 0x5b)) fail('its brackets do not match')
    for (const trail of trails) trail.depth = Math.min(trail.depth, open.length)
    endValue()
  }

  function structure(c: number): void {
    switch (expect) {
      case VALUE_OR_END:
      case VALUE:
        if (c === 0x5d && expect === VALUE_OR_END) close(c)
        else startValue(c)
        return
      case KEY_OR_END:
      case KEY:
        if (c === 0x7d && expect === KEY_OR_END) close(c)
        else if (c === 0x22) {
          token = 'key'
          key = undefined
          if (trails.some((trail) => trail.depth === open.length)) begin()
        } else fail('it is not JSON')
        return
      case COLON:
        if (c === 0x3a) expect = VALUE
        else fail('it is not JSON')
        return
      case COMMA_OR_END:
        if (c === 0x2c) expect = open.at(-1) === 0x7b ? KEY : VALUE
        else if (c === 0x7d || c === 0x5d) close(c)
        else fail('it is not JSON')
        return
      default:
        fail('something follows its end')
    }
  }

  /** Reads on in a text or literal from `at`; gives where it went on to. */
  function within(chunk: Uint8Array, at: number): number {
    let i = at
    if (token === 'literal') {
      while (i < chunk.length && CLASS[chunk[i] ?? 0] === 2) i++
      if (capture) take(chunk.subarray(at, i))
      if (i < chunk.length) endToken()
      return i
    }
    for (; i < chunk.length; i++) {
      if (escaped) escaped = false
      else if (chunk[i] === 0x5c) escaped = true
      else if (chunk[i] === 0x22) break
    }
    if (capture) take(chunk.subarray(at, i))
    if (i === chunk.length) return i
    endToken()
    return i + 1
  }

  return {
    feed: (chunk) => {
      bytes += chunk.length
      let from = hashing ? 0 : -1
      for (let i = 0; i < chunk.length && problem === undefined; ) {
        if (token !== 'none') {
          i = within(chunk, i)
          continue
        }
        const c = chunk[i] ?? 0
        if (CLASS[c] !== 1) {
          const before = rowsDepth
          structure(c)
          if (rowsDepth > before) {
            from = i
            hashing = true
          } else if (rowsDepth > 0 && open.length < rowsDepth) {
            hash.update(chunk.subarray(from, i + 1))
            from = -1
            hashing = false
            rowsDepth = 0
          }
        }
        i++
      }
      if (from >= 0) hash.update(chunk.subarray(from))
    },
    end: (): BodyFacts => {
      let misplaced: string | undefined
      if (token === 'literal' && open.length === 0) endToken()
      if (problem === undefined) {
        if (values === 0 && !lines) fail('it is empty')
        else if (token !== 'none' || open.length > 0 || (expect !== NOTHING && !lines)) fail(`it ends early, after ${bytes} bytes`)
        else if (!rowsFound)
          misplaced =
            path === ''
              ? `it is ${rowsKind}, not an array of rows`
              : `it has ${rowsKind === '' ? 'nothing' : rowsKind} at "${path}", where an array of rows should be`
      }
      return {
        ...{ rows, rowsHash: hash.digest('hex') },
        ...(next !== undefined && { next }),
        ...(problem !== undefined && { problem }),
        ...(misplaced !== undefined && { misplaced }),
        ...(problem === undefined && unexpected !== undefined && { unexpected }),
      }
    },
  }
}
