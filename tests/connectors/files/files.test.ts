import { symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { files } from '../../../lib/connectors/files/index.ts'
import type { FilesRequest } from '../../../lib/connectors/requests.ts'
import { testContext } from '../../kit/context.ts'
import { errorOf, folderOf, landFiles, sourceOf, useReader } from './kit.ts'

const reader = useReader()
const columns = { a: 'int64' } as const
const request = (...paths: string[]): FilesRequest => ({ method: 'files', paths })

describe('files finds', () => {
  const values = async (folder: string, paths: readonly string[], more = {}) =>
    (await landFiles(folder, columns, reader(), { paths, ...more })).map(({ a }) => a)

  it('paths and globs in the order of their names, each file once', async () => {
    const folder = await folderOf({ 'b.csv': 'a\n2\n', 'a/x.csv': 'a\n1\n', 'c.csv': 'a\n3\n', 'c.txt': 'no' })
    expect(await values(folder, ['*.csv', 'a/*.csv', 'c.csv'])).toEqual(['1', '2', '3'])
    expect(await values(folder, ['**/*.csv'])).toEqual(['1', '2', '3'])
  })

  it('the file of a partition by its placeholder, which is never a pattern', async () => {
    const folder = await folderOf({
      '2018-02-04/x.csv': 'a\n1\n',
      '2018-02-05/x.csv': 'a\n2\n',
      'k*/x.csv': 'a\n3\n',
      'kk/x.csv': 'a\n4\n',
    })
    const read = async (partition: string) => {
      const relation = await sourceOf(folder, reader()).read(
        { dataset: 'd', request: request('{partition}/*.csv'), columns, partition },
        testContext(),
      )
      return (await reader().execute({ meta: { sql: relation.sql } })).meta.map(({ a }) => a)
    }
    expect(await read('2018-02-05')).toEqual(['2'])
    expect(await read('k*')).toEqual(['3'])
    expect(await errorOf(read('2018-02-06'))).toMatchObject({
      kind: 'PermanentError',
      message: `no file matches "2018-02-06/*.csv" in ${folder}`,
      dataset: 'd',
      file: '2018-02-06/*.csv',
    })
  })

  it('nothing outside its folder', async () => {
    const outside = await folderOf({ 'secret.csv': 'a\n1\n' })
    const folder = await folderOf({ 'in/x.csv': 'a\n1\n' })
    await symlink(join(outside, 'secret.csv'), join(folder, 'link.csv'))
    await symlink(join(folder, 'in/x.csv'), join(folder, 'inside.csv'))
    for (const path of ['../x.csv', 'in/../../x.csv', join(outside, 'secret.csv')])
      expect(await errorOf(values(folder, [path]))).toEqual({
        kind: 'ConfigError',
        message: `"${path}" leads out of the connection's folder; name files below it`,
        dataset: 'd',
        file: path,
      })
    expect(await errorOf(values(folder, ['*.csv']))).toMatchObject({
      kind: 'ConfigError',
      message: `"link.csv" is a link that leads out of the connection's folder`,
    })
    expect(await values(folder, ['inside.csv'])).toEqual(['1'])
  })

  it('its folder, or says that it is not there', async () => {
    expect(await errorOf(values('/nowhere/at/all', ['*.csv']))).toMatchObject({
      kind: 'PermanentError',
      message: 'there is no folder /nowhere/at/all',
      hint: 'put the files there, or correct the path of the connection',
    })
  })
})

describe('files version', () => {
  it('tells a change of size, of time, of name, and a new file', async () => {
    const folder = await folderOf({ 'x.csv': 'a\n1\n' })
    const source = sourceOf(folder, reader())
    const seen = new Set<string | undefined>()
    const version = async () => {
      const found = await source.version({ dataset: 'd', request: request('*.csv'), columns }, testContext())
      expect(await source.version({ dataset: 'd', request: request('*.csv'), columns }, testContext())).toBe(found)
      seen.add(found)
    }
    await version()
    await writeFile(join(folder, 'x.csv'), 'a\n12\n')
    await version()
    await utimes(join(folder, 'x.csv'), 1, 1)
    await version()
    await writeFile(join(folder, 'y.csv'), 'a\n1\n')
    await version()
    expect(seen.size).toBe(4)
  })
})

describe('a relation of files', () => {
  const relationOf = async (folder: string) =>
    sourceOf(folder, reader()).read({ dataset: 'd', request: request('*.csv'), columns }, testContext())

  it('verify passes where nothing changed, and names a file that changed, came or went', async () => {
    const folder = await folderOf({ 'x.csv': 'a\n1\n' })
    const relation = await relationOf(folder)
    await relation.verify?.()
    await writeFile(join(folder, 'x.csv'), 'a\n1\n2\n')
    const changed = (file: string) => ({ kind: 'TransientError', message: `${file} changed while it was read`, dataset: 'd', file })
    expect(await errorOf(Promise.resolve(relation.verify?.()))).toMatchObject(changed('x.csv'))
    const second = await relationOf(folder)
    await writeFile(join(folder, 'y.csv'), 'a\n1\n')
    expect(await errorOf(Promise.resolve(second.verify?.()))).toMatchObject(changed('y.csv'))
  })

  it('says how many bytes it reads', async () => {
    expect((await relationOf(await folderOf({ 'x.csv': 'a\n1\n', 'y.csv': 'a\n' }))).bytes).toBe(6)
  })
})

describe('files describe', () => {
  const described = async (file: string, content: string, more: Partial<FilesRequest> = {}) =>
    sourceOf(await folderOf({ [file]: content }), reader()).describe({ dataset: 'd', request: { ...request('*'), ...more } }, testContext())

  it('finds the types of CSV columns, text where a number would lose something', async () => {
    const csv =
      'i,f,b,d,ts,tz,zip,t,n\n1,1.5,true,2001-02-03,2001-02-03 04:05:06,2001-02-03T04:05:06Z,00501,x,\n2,2,false,2001-02-04,2001-02-03 04:05:07.5,2001-02-03T04:05:06Z,10001,y,\n'
    expect(await described('x.csv', csv)).toEqual({
      i: 'int64',
      f: 'float64',
      b: 'boolean',
      d: 'date',
      ts: 'timestamp',
      tz: 'timestamptz',
      zip: 'text',
      t: 'text',
      n: 'text',
    })
  })

  it('takes null markers, delimiters and a missing header into account', async () => {
    expect(await described('x.csv', 'a;b\n1;NA\n2;3\n', { delimiter: ';', nulls: ['NA'] })).toEqual({ a: 'int64', b: 'int64' })
    expect(await described('x.csv', '1,x\n', { header: false })).toEqual({ column0: 'int64', column1: 'text' })
  })

  it('finds the types of nested JSON', async () => {
    const json = '[{"id":1,"p":{"mag":1.5,"at":"2018-02-04T00:00:00.000Z","tags":["a"]},"none":null},{"id":2,"p":{"mag":2}}]'
    expect(await described('x.json', json)).toEqual({
      id: 'int64',
      p: 'struct(mag float64, at timestamptz, tags list(text))',
      none: 'json',
    })
  })

  it('finds whole numbers of both signs in JSON to be integers, and text where one is too big', async () => {
    const json = '[{"id":1,"p":{"delay":5},"big":18446744073709551615},{"id":-2,"p":{"delay":-5},"big":-1}]'
    expect(await described('x.json', json)).toEqual({ id: 'int64', p: 'struct(delay int64)', big: 'text' })
  })

  it('of a partitioned path looks at one of its files', async () => {
    const folder = await folderOf({ '2018-02-04.csv': 'a,b\n1,2\n', '2018-02-05.csv': 'a,b\n1,2\n' })
    const source = sourceOf(folder, reader())
    expect(await source.describe({ dataset: 'd', request: request('{partition}.csv') }, testContext())).toEqual({ a: 'int64', b: 'int64' })
  })
})

describe('files()', () => {
  it('prints its settings, and refuses wrong ones', () => {
    expect(files('in', { zone: 'America/New_York' })).toMatchObject({
      kind: 'files',
      methods: ['files'],
      zone: 'America/New_York',
      settings: { folder: 'in', concurrency: 4, zone: 'America/New_York' },
    })
    expect(() => files('')).toThrow('files() needs a folder')
    expect(() => files('in', { concurrency: 0 })).toThrow('files() concurrency must be 1 or more, not 0')
  })
})
