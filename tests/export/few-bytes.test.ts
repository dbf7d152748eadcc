import { expect, test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { first, run } from './delivering.ts'
import { exportOf, followLatest, freshStore, idName, keyOf, namesDataset, requestOf } from './kit.ts'

const FOLDER = 'names/2018-02-04'

/** A store that notes what it is asked to do with data files, their names left out. */
function noting(store: Store): { readonly store: Store; readonly asked: readonly string[] } {
  const asked: string[] = []
  const note = (what: string, key: string) => {
    if (/\.csv(\.gz)?$/.test(key)) asked.push(`${what} ${key.replace(/[^/.]+\.csv/, '<file>.csv')}`)
  }
  const noted = <A extends readonly unknown[], R>(what: string, step: (key: string, ...more: A) => R) => {
    return (key: string, ...more: A): R => {
      note(what, key)
      return step(key, ...more)
    }
  }
  const copy: Store['copy'] = (from, to, options) => {
    note('copy', to)
    return store.copy(from, to, options)
  }
  const [put, head, remove] = [noted('put', store.put), noted('head', store.head), noted('delete', store.delete)]
  return { store: { ...store, put, head, copy, delete: remove }, asked }
}

const BY_COPY = ['put _tmp/run-1/<file>.csv', 'head _tmp/run-1/<file>.csv', `copy ${FOLDER}/<file>.csv`, 'delete _tmp/run-1/<file>.csv']

test.each([
  ['few bytes', 10, {}, [`put ${FOLDER}/<file>.csv`]],
  ['few bytes, compressed', 40_000, { compression: 'gzip' }, [`put ${FOLDER}/<file>.csv.gz`]],
  ['many bytes', 20_000, {}, BY_COPY],
  ['few bytes of a delivery that may be cut', 10, { split: { rows: 10 } }, BY_COPY],
] as const)(
  'a file goes by a temporary object, but the only one, of few bytes, is stored at once: %s',
  async (_what, rows, more, expected) => {
    const opened = freshStore()
    const { store, asked } = noting(opened)
    const target = exportOf(`names/{partition}.csv${'compression' in more ? '.gz' : ''}`, {
      ...{ columns: idName, orderBy: ['id'], ...more },
    } as never)
    const receipt = await run(requestOf(await namesDataset(rows), { export: target }), store)
    expect(asked).toEqual(expected)
    expect(await followLatest(opened, `${FOLDER}/latest.json`)).toMatchObject({ rows })
    expect((await opened.head(first(receipt)))?.metadata).toMatchObject({ 'input-key': keyOf('a'), rows: String(rows) })
  },
)
