import { isIP } from 'node:net'
import { PermanentError } from '../../core/errors.ts'
import { redact } from '../../core/secret.ts'

/** A URL for people: without the parameter that authenticates, without secrets. */
export function shownUrl(url: URL, hidden?: string): string {
  const shown = new URL(url)
  if (hidden !== undefined) shown.searchParams.delete(hidden)
  return redact(shown.href)
}

/**
 * Refuses to follow a redirect or a link that leads away to where a service must not send us: other schemes, from TLS to plain text, to link-local (metadata) addresses, and from a public service to
 * a private or loopback address. Literal addresses only: names are not resolved here.
 * @throws PermanentError
 */
export function refuseDetour(from: URL, to: URL, what: string): void {
  if (to.origin === from.origin) return
  const problem =
    to.protocol !== 'https:' && to.protocol !== 'http:'
      ? `uses ${to.protocol}`
      : from.protocol === 'https:' && to.protocol === 'http:'
        ? 'leaves TLS'
        : isLinkLocal(to.hostname)
          ? 'is a link-local address'
          : isPrivate(to.hostname) && !isPrivate(from.hostname)
            ? 'is a private address'
            : undefined
  if (problem !== undefined)
    throw new PermanentError(`${what} leads to ${shownUrl(new URL(to.pathname, to))}, which ${problem}: not followed`, { stage: 'extract' })
}

function isLinkLocal(host: string): boolean {
  const address = bare(host)
  return (
    /^169\.254\./.test(address) ||
    /^fe[89ab][0-9a-f]:/i.test(address) ||
    /^::ffff:(a9fe:|169\.254\.)/i.test(address) ||
    address === 'metadata.google.internal'
  )
}

function isPrivate(host: string): boolean {
  const address = bare(host)
  if (address === 'localhost' || address.endsWith('.localhost')) return true
  if (isIP(address) === 4) return /^(0\.|10\.|127\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address)
  return isIP(address) === 6 && /^(::1?$|f[cd]|::ffff:)/i.test(address)
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '').toLowerCase()
}
