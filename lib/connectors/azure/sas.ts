import { ConfigError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'

/** A shared access signature as a query, without its `?`. @throws ConfigError when it is none */
export function sasText(text: string, reference: string): string {
  const query = text.replace(/^\?/, '').trim()
  const signature = new URLSearchParams(query).get('sig')
  if (!signature || !/(^|&)sv=/.test(query) || /[\s"<>]/.test(query))
    throw new ConfigError(`${reference} of azure is no shared access signature`, {
      hint: 'expected its query, as "sv=…&sig=…", without an address before it',
    })
  // A part of the text that is printed must be redacted as the whole is.
  new Secret(reference, () => signature).reveal()
  return query
}
