import { keyPart } from '../core/key-part.ts'

/** Where the object lies that says which delivery is current, and what stands beside it. */
export interface PointerLayout {
  readonly folder: string
  /** The one object that is replaced. */
  readonly latest: string
  /** A delivery that waits for a person: `held.json`. */
  readonly held: string
  /** Of which switches a receiver of notices has been told. */
  notified(receiver: string): string
  /** What `latest.json` said the nth time. */
  switched(n: number): string
  /** The place of a switch in its record's name. */
  switchOf(key: string): number | undefined
  manifest(inputKey: string, sha256: string): string
  isManifest(key: string): boolean
}

const MANIFEST = /^manifest-[0-9a-f]{12}-[0-9a-f]{8}\.json$/
const SWITCHED = /^switch-(\d{6,})\.json$/

export function pointerLayout(folder: string): PointerLayout {
  const inside = (key: string) => (key.startsWith(`${folder}/`) ? key.slice(folder.length + 1) : '')
  return {
    folder,
    latest: `${folder}/latest.json`,
    held: `${folder}/held.json`,
    notified: (receiver) => `${folder}/notified-${keyPart(receiver)}.json`,
    switched: (n) => `${folder}/switch-${String(n).padStart(6, '0')}.json`,
    switchOf: (key) => {
      const [, n] = SWITCHED.exec(inside(key)) ?? []
      return n === undefined ? undefined : Number(n)
    },
    manifest: (inputKey, sha256) => `${folder}/manifest-${inputKey.slice(0, 12)}-${sha256.slice(0, 8)}.json`,
    isManifest: (key) => MANIFEST.test(inside(key)),
  }
}
