import { createHash } from 'node:crypto'
import { CheckError, PermanentError } from '../core/errors.ts'
import { refuseBreaking } from './contract/contract-changes.ts'
import { writtenContract } from './contract/written-contract.ts'
import { createCopy, deliverFiles } from './deliver-files.ts'
import { conflict, type Last, type Work } from './delivery.ts'
import type { DeliveryManifest } from './manifest.ts'
import { createManifest, describeDelivery } from './manifests.ts'
import { headsOf, MANIFEST, readJson, sameContent } from './objects.ts'
import { refuseStranger } from './plain-copy.ts'

/** Files and their manifest, which nothing points to yet. */
export interface MadeDelivery {
  readonly key: string
  readonly sha256: string
  readonly manifest: DeliveryManifest
}

/**
 * Writes the files of a delivery and the manifest that vouches for them. `keptLast`: there are no rows, and the contract keeps what was delivered last.
 * @throws CheckError where there are no rows, and the contract says `fail`; what the contract refuses
 */
export async function makeDelivery(work: Work): Promise<MadeDelivery | 'keptLast'> {
  const { request, layout, store } = work
  const { dataset, inputKey } = request
  const { zeroRows } = request.export.contract
  await refuseBroken(work)
  if (dataset.rows === 0 && zeroRows === 'keepLast') return 'keptLast'
  if (dataset.rows === 0 && zeroRows === 'fail') throw new CheckError('there are no rows to deliver, and the contract says zeroRows: fail')
  const files = dataset.rows === 0 && zeroRows === 'noFile' ? [] : await deliverFiles(work)
  refuseStranger(work, files[0])
  const manifest = await describeDelivery(work, files)
  const key = layout.manifest(inputKey, contentOf(manifest))
  return { key, sha256: await createManifest(store, key, 'DeliveryManifest', manifest), manifest }
}

/** SHA-256 of all files: of the file where it is one. */
function contentOf({ files }: DeliveryManifest): string {
  const [only, ...more] = files
  if (only && more.length === 0) return only.sha256
  return createHash('sha256')
    .update(files.map((file) => file.sha256).join(''))
    .digest('hex')
}

/** Readers of the last delivery were promised its columns; so were those of a plain copy that another delivery has made, before the export was put into this one. */
async function refuseBroken({ before, request, store }: Work): Promise<void> {
  const promised = new Set([before.last?.manifest, before.plain?.metadata[MANIFEST]].filter((key) => key !== undefined))
  for (const key of promised) {
    const last = await readJson(store, key, 'DeliveryManifest').catch((error: unknown) => {
      // Of an earlier format, or damaged: it promises nothing that could be compared.
      if (error instanceof PermanentError) return undefined
      throw error
    })
    if (last) refuseBreaking(last.value.contract, writtenContract(request.export.contract))
  }
}

/**
 * A delivery of the same input: what is missing of it is made from what is there, its plain copy; undefined when the rows are needed for that.
 * @throws PermanentError for a manifest or a file that is not the one that was delivered
 */
export async function mendFiles(work: Work, last: Last): Promise<(MadeDelivery & { readonly mended: boolean }) | undefined> {
  const { store, before, layout } = work
  const manifest = await readJson(store, last.manifest, 'DeliveryManifest')
  if (!manifest) return undefined
  if (manifest.sha256 !== last.manifestSha256)
    throw new PermanentError(
      `the manifest is not the one that was delivered: its SHA-256 is ${manifest.sha256}, not ${last.manifestSha256}`,
      { file: last.manifest, hint: 'a hand changed it, or another version of millrace wrote it: move it away, and run again' },
    )
  const { files } = manifest.value
  const heads = await headsOf(store, files)
  let mended = false
  for (const [i, file] of files.entries()) {
    const info = heads[i]
    if (info && !sameContent(info, file)) throw conflict(file.key, info, file)
    if (info) continue
    if (!sameContent(before.plain, file)) return undefined
    await createCopy(work, layout.plain, file)
    mended = true
  }
  return { key: last.manifest, sha256: manifest.sha256, manifest: manifest.value, mended }
}
