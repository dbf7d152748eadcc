import { join } from 'node:path'
import { stage } from '../../lib/export/stage.ts'
import { switchSet } from '../../lib/export/switch-set.ts'
import { temporaryFolder, testContext } from '../kit/context.ts'
import { exportOf, freshStore, idName, namesDataset, requestOf } from './kit.ts'

/** A named delivery `finance` on disk: all.csv of three rows in two files, names/{partition}.csv of two rows. `object` and `memberManifest`, of the latter, are paths in its folder. */
export async function namedDelivery(): Promise<{ readonly folder: string; readonly object: string; readonly memberManifest: string }> {
  const root = temporaryFolder()
  const store = freshStore(root)
  const contract = { columns: idName, orderBy: ['id'] } as const
  const all = exportOf('all.csv', { ...contract, split: { rows: 2 } }, false, 'finance')
  const names = exportOf('names/{partition}.csv', contract, false, 'finance')
  const staged = [
    await stage(requestOf(await namesDataset(3), { export: all, partition: undefined }), store, testContext()),
    await stage(requestOf(await namesDataset(2), { export: names }), store, testContext()),
  ]
  const pointer = staged[0]?.layout.pointer
  if (!pointer) throw new Error('nothing was staged')
  const paths = staged.map((each) => each.export.path)
  await switchSet({ pipeline: 'p', delivery: 'finance', partition: undefined, pointer, paths, staged, notify: [] }, store, testContext())
  const { key = '', manifest } = staged[1]?.made ?? {}
  const inside = (path: string) => path.slice('finance/'.length)
  return { folder: join(root, 'store/finance'), object: inside(manifest?.files[0]?.key ?? ''), memberManifest: inside(key) }
}
