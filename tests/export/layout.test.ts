import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../lib/core/errors.ts'
import { deliveryLayout } from '../../lib/export/layout.ts'
import { exportOf, idName, keyOf } from './kit.ts'

const layoutOf = (path: string, partition?: string, options: { plain?: boolean; compression?: 'gzip' } = {}) => {
  const { plain = false, ...contract } = options
  return deliveryLayout(exportOf(path, { columns: idName, orderBy: ['id'], ...contract }, plain), partition)
}
const sha = 'beef'.repeat(16)

describe('deliveryLayout', () => {
  test('puts a partition’s objects under its own folder and the plain copy beside it', () => {
    const layout = layoutOf('quakes/{partition}.csv', '2018-02-04', { plain: true })
    expect(layout.data(keyOf('a'), sha, 1)).toBe('quakes/2018-02-04/aaaaaaaaaaaa-beefbeef.csv')
    expect(layout.manifest(keyOf('a'), sha)).toBe('quakes/2018-02-04/manifest-aaaaaaaaaaaa-beefbeef.json')
    expect(layout).toMatchObject({
      pointer: { folder: 'quakes/2018-02-04', latest: 'quakes/2018-02-04/latest.json' },
      plain: 'quakes/2018-02-04.csv',
      keptLast: 'quakes/2018-02-04/kept-last.json',
    })
  })

  test.each<[path: string, partition: string | undefined, gzip: boolean, data: string]>([
    ['all.csv', undefined, false, 'all/aaaaaaaaaaaa-beefbeef.csv'],
    ['all.tsv', undefined, false, 'all/aaaaaaaaaaaa-beefbeef.tsv'],
    ['all', undefined, false, 'all/aaaaaaaaaaaa-beefbeef.csv'],
    ['all', undefined, true, 'all/aaaaaaaaaaaa-beefbeef.csv.gz'],
    ['all.csv', undefined, true, 'all/aaaaaaaaaaaa-beefbeef.csv.gz'],
    ['all.csv.gz', undefined, true, 'all/aaaaaaaaaaaa-beefbeef.csv.gz'],
    ['{partition}/all.csv', '2018', false, '2018/all/aaaaaaaaaaaa-beefbeef.csv'],
    ['x/{partition}', 'v1.csv', false, 'x/v1.csv/aaaaaaaaaaaa-beefbeef.csv'],
    ['x/{partition}.csv', 'a/b%', false, 'x/a%2Fb%25/aaaaaaaaaaaa-beefbeef.csv'],
    ['x/{partition}/y.csv', '..', false, 'x/%2E./y/aaaaaaaaaaaa-beefbeef.csv'],
    ['x/{partition}.csv', '$& \u00fc', false, 'x/$& \u00fc/aaaaaaaaaaaa-beefbeef.csv'],
  ])('of %s for %s', (path, partition, gzip, data) => {
    expect(layoutOf(path, partition, gzip ? { compression: 'gzip' } : {}).data(keyOf('a'), sha, 1)).toBe(data)
  })

  test('gives two partitions never the same objects', () => {
    const ids = ['a/b', 'a%2Fb', 'a\\b', 'A/b', 'a', '.', '..'].map((name) => layoutOf('{partition}.csv', name).id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test.each<[path: string, partition: string | undefined, message: string]>([
    ['x/.csv', undefined, 'export path "x/.csv" needs a name before its extension'],
    ['x/{partition}.csv', undefined, 'export path "x/{partition}.csv" has {partition}, but there is no partition'],
    ['_tmp/x.csv', undefined, 'export path "_tmp/x.csv" must not begin with _tmp/: what is being written lies there'],
    ['_tmp.csv', undefined, 'export path "_tmp.csv" must not begin with _tmp/: what is being written lies there'],
    ['x', undefined, 'export path "x" needs an extension such as .csv for its plain copy'],
  ])('refuses %s', (path, partition, message) => {
    expect(() => layoutOf(path, partition, { plain: true })).toThrow(new ConfigError(message))
  })

  test('refuses a plain copy of gzip bytes under another name than .gz', () => {
    const options = { plain: true, compression: 'gzip' } as const
    expect(() => layoutOf('x/{partition}.csv', '2018', options)).toThrow(
      new ConfigError('export path "x/{partition}.csv" would be the name of gzip bytes in its plain copy', {
        hint: 'write "x/{partition}.csv.gz"',
      }),
    )
    expect(layoutOf('x/{partition}.csv.gz', '2018', options).plain).toBe('x/2018.csv.gz')
    expect(layoutOf('x/{partition}.csv', '2018', { compression: 'gzip' }).folder).toBe('x/2018')
  })
})
