import { readFileSync } from 'node:fs'
import { ConfigError, messageOf } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'

/**
 * A setting that is looked up when it is used and can never be printed: `secret('env:PGPASSWORD')` from the environment, `secret('file:/run/secrets/pg')` from a file
 * (one line end at its end is taken off).
 * @throws ConfigError for another scheme.
 */
export function secret(reference: string): Secret {
  const colon = reference.indexOf(':')
  const [scheme, name] = [reference.slice(0, colon), reference.slice(colon + 1)]
  // What stands there may be the secret itself, put in the wrong place: only the part before the colon may be shown.
  if (scheme !== 'env' && scheme !== 'file')
    throw new ConfigError(
      `secret() takes a reference, "env:NAME" or "file:/path"; ${colon < 0 ? 'this has no colon' : 'this has another scheme'}`,
    )
  if (name === '') throw new ConfigError(`secret('${scheme}:') names nothing; expected "env:NAME" or "file:/path"`)
  return new Secret(reference, scheme === 'env' ? () => fromEnvironment(name) : () => fromFile(name))
}

function fromEnvironment(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '')
    throw new ConfigError(`environment variable ${name} is ${value === undefined ? 'not set' : 'empty'}`, {
      hint: `export ${name}=… and run again`,
    })
  return value
}

function fromFile(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`secret file ${path} cannot be read: ${messageOf(error)}`)
  }
  const value = text.replace(/\r?\n$/, '')
  if (value === '') throw new ConfigError(`secret file ${path} is empty`)
  return value
}
