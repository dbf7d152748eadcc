import { describe, expect, it } from 'vitest'
import { bucketOf, namePrefix } from '../../../lib/connectors/s3/names.ts'
import { crcOf, resourceOf } from '../../../lib/connectors/s3/objects.ts'
import { rangesOf } from '../../../lib/connectors/s3/upload.ts'

describe('rangesOf', () => {
  it('covers every byte once, in 10,000 ranges at most', () => {
    expect(rangesOf(10, 10)).toEqual([undefined])
    expect(rangesOf(25, 10)).toEqual(['bytes=0-9', 'bytes=10-19', 'bytes=20-24'])
    expect(rangesOf(20, 10)).toEqual(['bytes=0-9', 'bytes=10-19'])
    const many = rangesOf(1_000_003, 10)
    expect(many.length).toBeLessThanOrEqual(10_000)
    expect(many.at(-1)).toMatch(/-1000002$/)
  })
})

describe('objects', () => {
  it('have a CRC32C only where it is one of the whole', () => {
    expect(crcOf({ ChecksumCRC32C: 'mnG7TA==' })).toBe('9a71bb4c')
    expect(crcOf({ ChecksumCRC32C: 'mnG7TA==', ChecksumType: 'FULL_OBJECT' })).toBe('9a71bb4c')
    expect(crcOf({ ChecksumCRC32C: 'mnG7TA==', ChecksumType: 'COMPOSITE' })).toBeUndefined()
    expect(crcOf({ ChecksumCRC32C: 'mnG7TA==-3' })).toBeUndefined()
  })

  it('have versions that differ where contents do not', () => {
    const at = (write: string) => resourceOf({ ETag: '"e"', ContentLength: 1, Metadata: { 'millrace-write': write } }, 's3://b/k').version
    expect(at('a')).not.toBe(at('b'))
    const foreign = (time: number) => resourceOf({ ETag: '"e"', ContentLength: 1, LastModified: new Date(time) }, 's3://b/k').version
    expect(foreign(1000)).not.toBe(foreign(2000))
  })

  it('are none where something else answers', () => {
    expect(() => resourceOf({}, 's3://b/k')).toThrow('what answered for s3://b/k did not describe an object')
  })
})

describe('bucketOf', () => {
  it('leaves keys as they are below the prefix, and refuses what is no key', () => {
    const bucket = bucketOf('b', namePrefix('deliveries'))
    expect(bucket.nameOf('a/100%/b c.csv')).toBe('deliveries/a/100%/b c.csv')
    expect(bucket.keyOf('deliveries/a')).toBe('a')
    expect(bucket.keyOf('deliveries/folder/')).toBeUndefined()
    for (const wrong of ['a/.millrace-x', 'x'.repeat(1025), '\ud800']) expect(() => bucket.nameOf(wrong)).toThrow(/^not a key/)
  })
})
