const REDACTED = '[secret]'
const inspect = Symbol.for('nodejs.util.inspect.custom')

const revealed = new Set<string>()

/**
 * Replaces every secret value that this process has revealed, as it is and URL-encoded, base64 or JSON-escaped. Every outlet calls it: log, error, progress,
 * record, manifest.
 */
export function redact(text: string): string {
  let clean = text
  for (const value of revealed) {
    if (value.length < 3) continue
    for (const form of new Set([
      value,
      encodeURIComponent(value),
      Buffer.from(value).toString('base64'),
      JSON.stringify(value).slice(1, -1),
    ]))
      clean = clean.replaceAll(form, REDACTED)
  }
  return clean
}

/** A value that cannot be printed: text, JSON and inspection give `[secret]`. Only `reveal()` gives the value, at the moment of use. */
export class Secret {
  readonly #reveal: () => string
  /** Where the value comes from, printable: `env:NAME`. */
  readonly reference: string
  constructor(reference: string, reveal: () => string) {
    this.reference = reference
    this.#reveal = reveal
  }
  reveal(): string {
    const value = this.#reveal()
    revealed.add(value)
    return value
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
