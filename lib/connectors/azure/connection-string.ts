import { ConfigError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'
import { checkEndpoint } from './address.ts'
import { sasText } from './sas.ts'

/** What a connection string says. */
export interface Connection {
  readonly endpoint: string
  readonly key?: string
  readonly sas?: string
}

/** Reads a connection string ("Configure Azure Storage connection strings"). @throws ConfigError when it is none of this account; never with a part of it that may be secret */
export function connectionOf(connectionString: Secret, account: string): Connection {
  const { reference } = connectionString
  const fields = new Map<string, string>()
  for (const field of connectionString.reveal().split(';')) {
    const [, name, value] = /^\s*(\w+)=(.*?)\s*$/s.exec(field) ?? []
    if (name !== undefined && value !== undefined) fields.set(name, value)
  }
  const key = fields.get('AccountKey')
  const sas = fields.get('SharedAccessSignature')
  // A part of the text that is printed must be redacted as the whole is.
  if (key !== undefined) new Secret(reference, () => key).reveal()
  const refused = (why: string, hint: string) => new ConfigError(`${reference}, the connection string of azure, ${why}`, { hint })
  if (key === undefined && sas === undefined)
    throw refused(
      'has neither AccountKey nor SharedAccessSignature',
      'copy it from "Access keys" of the account: "AccountName=…;AccountKey=…;EndpointSuffix=…"',
    )
  const of = fields.get('AccountName')
  if (of !== undefined && of !== account) throw refused(`is of account ${of}, not ${account}`, 'correct `account` of azure(…)')
  const suffix = fields.get('EndpointSuffix') ?? 'core.windows.net'
  const endpoint = fields.get('BlobEndpoint') ?? `${fields.get('DefaultEndpointsProtocol') ?? 'https'}://${account}.blob.${suffix}`
  checkEndpoint(endpoint, account)
  return { endpoint, ...(key !== undefined ? { key } : { sas: sasText(sas ?? '', reference) }) }
}
