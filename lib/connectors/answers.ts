import { redact } from '../core/secret.ts'

const EXCERPT = 300

/** Milliseconds that a `Retry-After` header asks for: seconds, or an HTTP date (RFC 9110, 10.2.3). Undefined for anything else. */
export function retryAfter(header: string | null, now: Date): number | undefined {
  const text = header?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const date = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime())
}

/** `: "…"` with the beginning of a body on one line, or nothing. Cut after redaction, so that no part of a secret stays. */
export function quoted(excerpt: string, length = EXCERPT): string {
  const text = [...redact(excerpt).replace(/\s+/g, ' ').trim()]
  if (text.length === 0) return ''
  return `: ${JSON.stringify(text.length > length ? `${text.slice(0, length).join('')}…` : text.join(''))}`
}
