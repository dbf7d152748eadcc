import { createReadStream } from 'node:fs'
import { glob, open, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { isErrno } from '../../core/disk.ts'
import { ConfigError, NotFound, TransientError } from '../../core/errors.ts'
import type { DeliveryFolder } from './verify-delivery.ts'

/**
 * The deliveries at a place: a URL is one delivery's folder; a local folder is one, or holds some at any depth. What is under `_tmp/` or hidden is no delivery.
 * @throws ConfigError where there is none
 */
export async function deliveryFolders(place: string, signal: AbortSignal): Promise<readonly DeliveryFolder[]> {
  if (/^https?:\/\//i.test(place)) return [folderAt(place, signal)]
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(place))
    throw new ConfigError(`${place} is read by no rule: only folders, and http and https`, {
      hint: 'fetch the delivery into a folder; in a project "millrace deliver verify" reads the configured store',
    })
  const root = resolve(place)
  const found = await stat(root).catch(() => undefined)
  if (!found?.isDirectory())
    throw new ConfigError(`${place} is no folder`, { hint: 'name the folder of a delivery, one that holds some, or a URL' })
  const folders: string[] = []
  for await (const file of glob('**/latest.json', { cwd: root, exclude: (name) => /^[._]/.test(name) && name !== '.' }))
    folders.push(dirname(file))
  if (folders.length === 0)
    throw new ConfigError(`${place} holds no delivery: there is no latest.json in it`, {
      hint: 'name the folder of a delivery, or one that holds some',
    })
  return folders.sort().map((folder) => folderOn(join(root, folder), folder === '.' ? place : join(place, folder)))
}

function folderOn(path: string, name: string): DeliveryFolder {
  return {
    name,
    open: async (object) => {
      const file = join(path, object)
      try {
        const handle = await open(file)
        return createReadStream('', { fd: handle, highWaterMark: 2 ** 18 })
      } catch (error) {
        throw isErrno(error, 'ENOENT') ? new NotFound(`${file} is not there`, { file }) : error
      }
    },
  }
}

function folderAt(url: string, signal: AbortSignal): DeliveryFolder {
  const base = URL.parse(url.replace(/\/(latest\.json)?$/, ''))
  if (!base) throw new ConfigError(`${url} is no URL`, { hint: 'name the folder of a delivery: https://host/path/to/it' })
  return {
    name: url,
    open: async (object) => {
      const address = new URL(base)
      address.pathname = `${base.pathname.replace(/\/$/, '')}/${object.split('/').map(encodeURIComponent).join('/')}`
      // A store that unpacks what it serves would give other bytes than it holds.
      const response = await fetch(address, { signal, headers: { 'accept-encoding': 'identity' } }).catch((cause: unknown) => {
        signal.throwIfAborted()
        throw new TransientError(`${address.host} does not answer`, { cause, hint: 'try again, or look at the address' })
      })
      if (response.status === 404 || response.status === 403) {
        await response.body?.cancel()
        throw new NotFound(`${address.pathname} at ${address.host} answers ${response.status}`, { file: object })
      }
      if (!response.ok || !response.body) {
        await response.body?.cancel()
        throw new TransientError(`${address.host} answers ${response.status} to ${address.pathname}`, { hint: 'try again later' })
      }
      return Readable.fromWeb(response.body as ReadableStream)
    },
  }
}
