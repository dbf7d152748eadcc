import { ConfigError } from '../../core/errors.ts'

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

/** @throws ConfigError when it is no address of an account's blobs */
export function checkEndpoint(text: string, account: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const path = url?.pathname.replace(/\/$/, '')
  const whole =
    url && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.search === '' && url.hash === ''
  if (!whole || (path !== '' && path !== `/${account}`))
    throw new ConfigError(`endpoint ${shown(text)} of azure is no address of the blobs of account ${account}`, {
      hint: `write it as "https://${account}.blob.core.windows.net", or "http://127.0.0.1:10000/${account}" for an emulator`,
    })
  refuseInTheClear(text)
}

/** @throws ConfigError for an address that would show credentials to the network */
export function refuseInTheClear(endpoint: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url?.protocol === 'http:' && !LOOPBACK.test(url.hostname))
    throw new ConfigError(`endpoint ${shown(endpoint)} of azure would send credentials in the clear`, { hint: 'use https' })
}

/** Without what may be a password or a signature. */
const shown = (text: string): string => JSON.stringify(text.replace(/\/\/[^/@]*@/, '//…@').replace(/\?.*/s, '?…'))
