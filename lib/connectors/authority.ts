import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ConfigError, messageOf } from '../core/errors.ts'

/** Reads the authority, in PEM, that `tls.ca` of a connection or a store names. Node takes a file without a certificate for an empty list: then every server would be one of an unknown authority. @throws ConfigError when it cannot be read, or is none */
export function authorityIn(file: string, of: string): string {
  const place = { file, hint: `correct \`tls\` of ${of}(…)` }
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`tls.ca ${file} of ${of} cannot be read: ${messageOf(error)}`, place)
  }
  try {
    new X509Certificate(text)
  } catch (error) {
    throw new ConfigError(`tls.ca ${file} of ${of} is no certificate in PEM`, { ...place, cause: error })
  }
  return text
}
