import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../lib/core/errors.ts'
import { checkPlaces, checkPlacesOfTwo } from '../../lib/export/check-places.ts'
import { ndjson } from '../../lib/export/contract/export.ts'
import { tableContract } from '../../lib/export/contract/table-contract.ts'
import { exportOf, idName, keyOf } from './kit.ts'

const placed = (dataset: string, path: string, plain = true) => ({
  dataset,
  export: (path.endsWith('.json')
    ? ndjson(path, { contract: tableContract({ columns: idName, orderBy: ['id'] }), bigNumbers: 'number', plain })
    : exportOf(path, { columns: idName, orderBy: ['id'] }, plain)) as never,
  partitioned: path.includes('{partition}'),
})
const of = (pipeline: string, names: readonly string[] | number | undefined, ...exports: ReturnType<typeof placed>[]) => ({
  exports: exports.map((each) => ({ ...each, pipeline })),
  keys: typeof names === 'object' ? names : undefined,
  nameLength: typeof names === 'number' ? names : undefined,
})
const set = (path: string) => ({
  ...placed('a', path),
  export: { ...exportOf(path, { columns: idName, orderBy: ['id'] }, false), delivery: 'finance' } as never,
})
const [MONTHLY, DAILY] = [7, 10]
const OBJECT = `${keyOf('a').slice(0, 12)}-beefbeef`

describe('checkPlaces', () => {
  test.each<[first: string, second: string, message: string, keys?: readonly string[]]>([
    ['e.csv', 'e.csv/b.csv', '"e.csv/b.csv" and "e.csv" of a need a folder and a file of the name e.csv, and a disk cannot have both'],
    ['e.csv/b.csv', 'e.csv', '"e.csv/b.csv" and "e.csv" of b need a folder and a file of the name e.csv, and a disk cannot have both'],
    ['e.csv', 'e.csv.csv', '"e.csv.csv" and "e.csv" of a need a folder and a file of the name e.csv, and a disk cannot have both'],
    ['e.csv', 'e/latest.json', '"e/latest.json" and "e.csv" of a would both write e/latest.json'],
    ['e/kept-last.json', 'e.csv', '"e.csv" and "e/kept-last.json" of a would both write e/kept-last.json'],
    [
      'e.csv',
      'e/latest.json/x.csv',
      '"e/latest.json/x.csv" and "e.csv" of a need a folder and a file of the name e/latest.json, and a disk cannot have both',
    ],
    ['e.csv', `e/${OBJECT}.csv`, `"e/${OBJECT}.csv" and "e.csv" of a would both write e/${OBJECT}.csv`],
    [`e/manifest-${OBJECT}.json`, 'e.csv', `"e/manifest-${OBJECT}.json" and "e.csv" of b would both write e/manifest-${OBJECT}.json`],
    ['e.csv', 'e.txt', '"e.txt" and "e.csv" of a would share the folder e/ of their deliveries'],
    [
      'e/{partition}.csv',
      'e/2024-01.csv',
      '"e/2024-01.csv" and "e/{partition}.csv" for 2024-01 of a would share the folder e/2024-01/ of their deliveries',
    ],
    [
      'e/{partition}.csv',
      'e/{partition}.csv/b.csv',
      '"e/{partition}.csv/b.csv" and "e/{partition}.csv" of a need a folder and a file of the name e/{partition}.csv, and a disk cannot have both',
    ],
    ['e.csv', 'e/{partition}.json', '"e/{partition}.json" for latest and "e.csv" of a would both write e/latest.json', ['first', 'latest']],
    ['e.csv', '{partition}.csv', '"{partition}.csv" for e and "e.csv" of a would share the folder e/ of their deliveries', ['d', 'e']],
    [
      '{partition}.csv',
      'f.csv',
      '"{partition}.csv" for d.csv and "{partition}.csv" for d of a need a folder and a file of the name d.csv, and a disk cannot have both',
      ['d', 'd.csv'],
    ],
  ])('refuses %s beside %s', (first, second, message, keys) => {
    const check = () => checkPlaces([placed('a', first), placed('b', second)], keys)
    expect(check).toThrow(ConfigError)
    expect(check).toThrow(`${message}; give one another name`)
  })

  test('says when one path is exported from two datasets', () => {
    expect(() => checkPlaces([placed('a', 'e.csv'), placed('b', 'e.csv')], undefined)).toThrow('"e.csv" is exported from both a and b')
  })

  test('takes what lies beside and below each other, and the same names where nothing is copied there', () => {
    checkPlaces([placed('a', 'daily.csv'), placed('b', 'daily/{partition}.csv'), placed('c', 'daily/{partition}/x.csv')], undefined)
    checkPlaces([placed('a', 'daily/{partition}.json'), placed('b', 'daily.csv')], undefined)
    checkPlaces([placed('a', 'stock/{partition}.csv'), placed('b', 'stock/all.csv')], ['krakow', 'lodz'])
    checkPlaces([placed('a', 'e.csv', false), placed('b', 'e.csv/b.csv', false)], undefined)
  })
})

describe('checkPlacesOfTwo', () => {
  test.each([
    [
      of('p', undefined, placed('a', 'e.csv')),
      of('q', undefined, placed('b', 'e.csv')),
      '"e.csv" is exported from both pipeline q (b) and pipeline p (a)',
    ],
    [
      of('p', DAILY, placed('a', 'e/{partition}.csv')),
      of('q', DAILY, placed('b', 'e/{partition}.csv')),
      '"e/{partition}.csv" is exported from both pipeline q (b) and pipeline p (a)',
    ],
    [
      of('p', DAILY, placed('a', 'e/{partition}.csv')),
      of('q', ['2024-01-01'], placed('b', 'e/{partition}.csv')),
      '"e/{partition}.csv" is exported from both pipeline q (b) and pipeline p (a)',
    ],
    [
      of('p', MONTHLY, placed('a', 'e/{partition}.csv')),
      of('q', undefined, placed('b', 'e/2024-01.csv')),
      '"e/{partition}.csv" for 2024-01 of pipeline p (a) and "e/2024-01.csv" of pipeline q (b) would share the folder e/2024-01/ of their deliveries; give one another name',
    ],
    [
      of('p', undefined, set('e.csv')),
      of('q', undefined, set('f.csv')),
      'the delivery "finance" is made by pipeline q (a) and by pipeline p (a); give one another name',
    ],
    [
      of('p', undefined, placed('b', 'finance/x.csv')),
      of('q', undefined, set('x.csv')),
      '"finance/x.csv" lies in the folder of the delivery "finance"; give one another name',
    ],
  ])('refuses what two pipelines would both write', (one, other, message) => {
    const check = () => checkPlacesOfTwo(one, other)
    expect(check).toThrow(ConfigError)
    expect(check).toThrow(message)
  })

  test('takes partitions that are never called the same', () => {
    const monthly = of('p', MONTHLY, placed('a', 'e/{partition}.csv'), placed('a', 'f/2024-01.csv'))
    checkPlacesOfTwo(monthly, of('q', DAILY, placed('b', 'e/{partition}.csv')))
    checkPlacesOfTwo(monthly, of('q', ['krakow', '2024'], placed('b', 'e/{partition}.csv')))
    checkPlacesOfTwo(of('p', undefined, set('e.csv'), set('f.csv')), of('q', undefined, placed('a', 'e.csv')))
  })
})
