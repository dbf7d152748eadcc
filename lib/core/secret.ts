import { ConfigError } from './errors.ts'

const REDACTED = '[secret]'
const inspect = Symbol.for('nodejs.util.inspect.custom')

/** Shorter values cannot be told from ordinary text and are not redacted. */
const SHORTEST = 3
/** The base64 of a value inside a longer text loses the digits it shares with its neighbours; what is left must be this long to be told from ordinary text. */
const SHORTEST_INNER = 6

const revealed = new Set<string>()
let pattern: RegExp | undefined

/**
 * Replaces every secret value that this process has revealed, as it is and URL-encoded, in base64 (also as part of a longer text, as in `user:password`), hex, JSON-
 * or SQL-escaped. Every outlet calls it: log, error, progress, record, manifest.
 */
export function redact(text: string): string {
  if (revealed.size === 0) return text
  pattern ??= patternOf([...revealed].flatMap(formsOf))
  return text.replace(pattern, REDACTED)
}

/** The JSON form of a value with every text in it redacted, keys too; numbers stay, so that counts stay counts. */
export function redactJson<T>(value: T): T {
  if (revealed.size === 0 || value === undefined) return value
  return redactTexts(JSON.parse(JSON.stringify(value))) as T
}

function redactTexts(value: unknown): unknown {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map(redactTexts)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [redact(key), redactTexts(each)]))
}

function patternOf(forms: readonly string[]): RegExp {
  const longestFirst = [...new Set(forms)].sort((a, b) => b.length - a.length)
  return new RegExp(longestFirst.map((form) => form.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|') || '(?!)', 'g')
}

/** All texts by which a value may appear in an artefact. */
function formsOf(value: string): string[] {
  const json = (text: string) => JSON.stringify(text).slice(1, -1)
  const url = [encodeURIComponent(value), encodeURI(value), new URLSearchParams({ '': value }).toString().slice(1)]
  const strict = encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const escapes = [...url, strict].flatMap((text) => [text, text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())])
  const hex = Buffer.from(value).toString('hex')
  const plain = [value, value.replaceAll("'", "''"), hex, hex.toUpperCase(), ...escapes, ...base64Forms(value)]
  return plain.flatMap((form) => [form, json(form), json(json(form))]).filter((form) => form.length >= SHORTEST)
}

function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value)
  const whole = bytes.toString('base64')
  const inner = [0, 1, 2].flatMap((before) => {
    const after = (3 - ((before + bytes.length) % 3)) % 3
    const padded = Buffer.concat([Buffer.alloc(before), bytes, Buffer.alloc(after)]).toString('base64')
    const form = padded.slice(before === 0 ? 0 : before + 1, after === 0 ? padded.length : -(after + 1))
    return form.length >= SHORTEST_INNER ? [form] : []
  })
  return [whole, whole.replace(/=+$/, ''), ...inner].flatMap((form) => [
    form,
    form.replaceAll('+', '-').replaceAll('/', '_'),
    encodeURIComponent(form),
  ])
}

/** A value that cannot be printed: text, JSON and inspection give `[secret]`. Only `reveal()` gives the value, at the moment of use. */
export class Secret {
  readonly #reveal: () => string
  #setting: string | undefined
  /** Where the value comes from, printable: `env:NAME`. */
  readonly reference: string
  constructor(reference: string, reveal: () => string) {
    this.reference = reference
    this.#reveal = reveal
  }
  /**
   * The value. From now on `redact` knows it.
   * @throws ConfigError naming the reference and the setting that wants it, when there is no value.
   */
  reveal(): string {
    let value: string
    try {
      value = this.#reveal()
    } catch (error) {
      if (!(error instanceof ConfigError) || this.#setting === undefined) throw error
      throw new ConfigError(`${error.message}; ${this.#setting} wants it`, { ...(error.hint !== undefined && { hint: error.hint }) })
    }
    if (value.length >= SHORTEST && !revealed.has(value)) {
      revealed.add(value)
      pattern = undefined
    }
    return value
  }
  /** Remembers, for the error about a missing value, which setting wants this secret: `connections.crm.password of config profile "prod"`. */
  wantedBy(setting: string): void {
    this.#setting = setting
  }
  /** Whether there is a value, without keeping or showing it. */
  isSet(): boolean {
    try {
      this.#reveal()
      return true
    } catch {
      return false
    }
  }
  toString(): string {
    return REDACTED
  }
  toJSON(): string {
    return REDACTED
  }
  [inspect](): string {
    return REDACTED
  }
}

/** A setting that may be secret. */
export type MaybeSecret = string | Secret

/** The text of a setting, at the moment of use. */
export function reveal(setting: MaybeSecret): string {
  return setting instanceof Secret ? setting.reveal() : setting
}
