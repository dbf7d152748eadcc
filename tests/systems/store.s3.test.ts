import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { crc32c } from '@node-rs/crc32'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { secret } from '../../lib/config/secret.ts'
import { s3 } from '../../lib/connectors/s3/index.ts'
import { openS3Store } from '../../lib/connectors/s3/store.ts'
import type { Store } from '../../lib/connectors/store.ts'
import { systemClock } from '../../lib/core/clock.ts'
import { ConfigError, MillraceError, NotFound, PreconditionFailed, TransientError } from '../../lib/core/errors.ts'
import { storeContract } from '../contracts/store.ts'
import { checkContext } from '../kit/check.ts'
import { temporaryFolder } from '../kit/context.ts'
import { startVersitygw, type Versitygw } from '../kit/versitygw.ts'

const PART = 5 * 2 ** 20
/** Two and a half parts. */
const LONG = randomBytes(2.5 * PART)

let server: Versitygw
let stores = 0
beforeAll(async () => {
  server = await startVersitygw()
})
afterAll(() => server.stop())

const connection = () => s3({ ...server.options, prefix: `a prefix/${stores++}`, partSize: PART })

storeContract('s3 on versitygw 1.8.0', async () => {
  const there = connection()
  return { store: there.openStore(), another: () => there.openStore() }
})

const read = async (store: Store, key: string) => buffer(await store.get(key))
const crcOf = (content: Uint8Array) => crc32c(content).toString(16).padStart(8, '0')

describe('in parts', () => {
  test('a stream and a file arrive whole, with metadata, type and the CRC32C of the whole', async () => {
    const store = connection().openStore()
    const file = join(temporaryFolder(), 'long')
    writeFileSync(file, LONG)
    for (const body of [{ stream: Readable.from([LONG]) }, { file }]) {
      const info = await store.put('k', body, { metadata: { a: '1', b: 'é' }, contentType: 'text/csv' })
      expect(info).toMatchObject({ bytes: LONG.length, crc32c: crcOf(LONG), metadata: { a: '1', b: 'é' } })
      expect(await store.head('k')).toEqual(info)
      expect((await read(store, 'k')).equals(LONG)).toBe(true)
    }
    expect(await server.openUploads()).toEqual([])
  })

  test('preconditions hold, and leave no upload', async () => {
    const store = connection().openStore()
    const stream = () => Readable.from([LONG])
    const first = await store.put('k', { stream: stream() }, { ifAbsent: true })
    await expect(store.put('k', { stream: stream() }, { ifAbsent: true })).rejects.toThrow(PreconditionFailed)
    await expect(store.put('other', { stream: stream() }, { ifVersion: first.version })).rejects.toThrow(PreconditionFailed)
    const second = await store.put('k', { stream: stream() }, { ifVersion: first.version })
    expect(second.version).not.toBe(first.version)
    await expect(store.put('k', { stream: stream() }, { ifVersion: first.version })).rejects.toThrow(PreconditionFailed)
    const both = await Promise.allSettled([0, 1].map(() => store.put('once', { stream: stream() }, { ifAbsent: true })))
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await server.openUploads()).toEqual([])
  })

  test('a stream that fails, is destroyed, aborted or not as announced leaves no object and no upload', async () => {
    const store = connection().openStore()
    const ending = (end: (stream: Readable) => void) => {
      const stream = new Readable({ read: () => undefined })
      stream.push(LONG)
      setTimeout(() => end(stream), 50)
      return stream
    }
    const stop = new AbortController()
    await expect(store.put('k', { stream: ending((stream) => stream.destroy(new Error('died'))) })).rejects.toThrow('died')
    await expect(store.put('k', { stream: ending((stream) => stream.destroy()) })).rejects.toThrow()
    const aborted = ending(() => stop.abort(new Error('stopped')))
    await expect(store.put('k', { stream: aborted }, { signal: stop.signal })).rejects.toThrow('stopped')
    await expect(store.put('k', { stream: Readable.from([LONG]) }, { crc32c: '00000000' })).rejects.toThrow(/crc32c/)
    expect(await store.head('k')).toBeUndefined()
    expect(await server.openUploads()).toEqual([])
  })

  test('an object is copied whole, with the metadata of the source or others', async () => {
    const store = connection().openStore()
    await store.put('k', { bytes: LONG }, { contentType: 'text/csv', metadata: { a: '1' } })
    expect(await store.copy('k', 'to', { ifAbsent: true })).toMatchObject({ bytes: LONG.length, crc32c: crcOf(LONG), metadata: { a: '1' } })
    expect((await read(store, 'to')).equals(LONG)).toBe(true)
    expect(await store.copy('to', 'to', { metadata: { b: '2' } })).toMatchObject({ crc32c: crcOf(LONG), metadata: { b: '2' } })
    await store.put('empty', { bytes: '' })
    expect(await store.copy('empty', 'to')).toMatchObject({ bytes: 0, crc32c: '00000000' })
    await expect(store.copy('to', 'copy', { ifVersion: 'another' })).rejects.toThrow(PreconditionFailed)
    await expect(store.copy('nothing', 'to')).rejects.toThrow(NotFound)
    expect(await server.openUploads()).toEqual([])
  })

  test('an object of more than S3 copies at once is copied in ranges', async () => {
    const opened = connection()
    const store = openS3Store({ ...server.options, prefix: opened.location.replace('s3://bucket/', '') }, systemClock, PART)
    // A foreign one: of one that has a CRC32C, versitygw 1.8.0 gives each range the CRC32C of the whole, and then refuses the sum.
    const Key = `${opened.location.replace('s3://bucket/', '')}/k`
    await server.client.putObject({ Bucket: 'bucket', Key, Body: LONG, ChecksumAlgorithm: 'SHA256' })
    expect(await store.copy('k', 'to')).toMatchObject({ bytes: LONG.length, crc32c: crcOf(LONG) })
    expect((await read(store, 'to')).equals(LONG)).toBe(true)
  })
})

describe('a bucket of others', () => {
  test('an object without CRC32C, or with one of its parts alone, is read for it', async () => {
    const opened = connection()
    const store = opened.openStore()
    const [Bucket, Key] = ['bucket', `${opened.location.replace('s3://bucket/', '')}/k`]
    await server.client.putObject({ Bucket, Key, Body: 'foreign', ChecksumAlgorithm: 'SHA256', Metadata: { theirs: '1' } })
    const info = await store.head('k')
    expect(info).toMatchObject({ bytes: 7, crc32c: crcOf(Buffer.from('foreign')), metadata: { theirs: '1' } })
    await expect(store.put('k', { bytes: 'mine' }, { ifVersion: 'another' })).rejects.toThrow(PreconditionFailed)
    expect(await store.copy('k', 'mine')).toMatchObject({ crc32c: info?.crc32c ?? '' })
    await store.put('k', { bytes: 'mine' }, { ifVersion: info?.version ?? '' })
    expect(String(await read(store, 'k'))).toBe('mine')
    const { UploadId } = await server.client.createMultipartUpload({ Bucket, Key, ChecksumAlgorithm: 'CRC32C' })
    const Parts = []
    for (const [i, Body] of [LONG.subarray(0, PART), LONG.subarray(PART)].entries()) {
      const ChecksumCRC32C = Buffer.from(crcOf(Body), 'hex').toString('base64')
      const { ETag } = await server.client.uploadPart({ Bucket, Key, UploadId, PartNumber: i + 1, Body, ChecksumCRC32C })
      Parts.push({ PartNumber: i + 1, ETag, ChecksumCRC32C })
    }
    await server.client.completeMultipartUpload({ Bucket, Key, UploadId, MultipartUpload: { Parts } })
    expect(await store.head('k')).toMatchObject({ bytes: LONG.length, crc32c: crcOf(LONG) })
  })

  test('with versions keeps what is replaced and removed, and is a store like any other', async () => {
    await server.client.createBucket({ Bucket: 'versioned' })
    await server.client.putBucketVersioning({ Bucket: 'versioned', VersioningConfiguration: { Status: 'Enabled' } })
    const store = s3({ ...server.options, bucket: 'versioned' }).openStore()
    const first = await store.put('k', { bytes: 'same' })
    const second = await store.put('k', { bytes: 'same' }, { ifVersion: first.version })
    await expect(store.delete('k', { ifVersion: first.version })).rejects.toThrow(PreconditionFailed)
    await store.delete('k', { ifVersion: second.version })
    expect(await store.head('k')).toBeUndefined()
    expect((await server.client.listObjectVersions({ Bucket: 'versioned' })).Versions).toHaveLength(2)
  })

  test('more keys than a page has are listed, in order', async () => {
    const store = connection().openStore()
    const keys = Array.from({ length: 1003 }, (_, i) => `k/${String(i).padStart(4, '0')}`)
    await Promise.all(keys.map((key) => store.put(key, { bytes: '' }, { ifAbsent: true })))
    const listed: string[] = []
    for await (const key of store.list('k/')) listed.push(key)
    expect(listed).toEqual(keys)
  })
})

describe('what is wrong is said in words', () => {
  const failure = async (options: Partial<Parameters<typeof s3>[0]>, key = 'k'): Promise<MillraceError> => {
    const store = s3({ ...server.options, retries: 0, ...options }).openStore()
    const errors = await Promise.all(
      [() => store.put(key, { bytes: 'x' }), () => store.head(key), () => store.get(key), () => store.delete(key)].map((work) =>
        work().then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    )
    await store.close()
    for (const error of errors) {
      if (!(error instanceof MillraceError)) throw new Error(`no failure of ours: ${String(error)}`)
      expect(error.hint).toBeTruthy()
      expect(error.message).toMatch(/^cannot (look at|read|delete) s3:\/\/[^\n]*[^.]$/)
      expect(JSON.stringify([error.message, error.hint, error.place, error.stack])).not.toContain('planted')
    }
    return errors[0] as MillraceError
  }

  test('a wrong secret, an unknown key, another region, no such bucket, no such host, nobody there', async () => {
    process.env.MILLRACE_TEST_S3_WRONG = 'planted-wrong'
    const wrong = await failure({ secretAccessKey: secret('env:MILLRACE_TEST_S3_WRONG') })
    expect(wrong).toBeInstanceOf(ConfigError)
    expect(wrong.message).toContain('the credentials were refused (403 SignatureDoesNotMatch)')
    expect(wrong.hint).toBe('check the credentials: env:MILLRACE_TEST_S3_WRONG')
    expect((await failure({ accessKeyId: 'AKIANOBODY' })).message).toContain('the credentials were refused (404 XAdminUserNotFound)')
    const region = await failure({ region: 'eu-west-1' })
    expect(region).toBeInstanceOf(ConfigError)
    expect(region.hint).toBe("write region: 'us-east-1' in s3(…)")
    const bucket = await failure({ bucket: 'another' })
    expect(bucket).toBeInstanceOf(ConfigError)
    expect(bucket.hint).toBe('make the bucket, or correct `bucket` of s3(…)')
    const host = await failure({ endpoint: 'https://nowhere.invalid' })
    expect(host).toBeInstanceOf(ConfigError)
    expect(host.message).toContain('the host of https://nowhere.invalid is unknown (ENOTFOUND)')
    const nobody = await failure({ endpoint: 'http://127.0.0.1:9' })
    expect(nobody).toBeInstanceOf(TransientError)
    expect(nobody.message).toContain('the connection was refused (ECONNREFUSED)')
  })

  test('doctor finds nothing wrong, and leaves nothing', async () => {
    const there = connection()
    const found = await there.check?.(checkContext('store'))
    expect(found).toMatchObject([
      { what: 'objects', state: 'ok' },
      { what: 'clock', state: 'ok' },
    ])
    const store = there.openStore()
    for await (const key of store.list('')) throw new Error(`${key} is left`)
    const lost = await s3({ ...server.options, bucket: 'another' }).check?.(checkContext('store'))
    expect(lost).toMatchObject([{ what: 'answers', state: 'fault', kind: 'configuration' }])
  })
})
