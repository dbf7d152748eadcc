import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blobMetadata, readMetadata } from '../../../lib/connectors/azure/metadata.ts'
import { ConfigError } from '../../../lib/core/errors.ts'

const CONTENT = { bytes: 7, crc32c: '1a2b3c4d' }

describe('blobMetadata', () => {
  it('keeps what Azure can have as it is, and the rest as JSON', () => {
    expect(blobMetadata({ manifest: 'a/m.json', 'input-key': 'k', object: 'o', Upper: 'u', empty: '', quoted: 'é' }, CONTENT, 'f')).toEqual(
      {
        manifest: 'a/m.json',
        millrace_crc32c: '1a2b3c4d 7',
        millrace_metadata: encodeURIComponent(
          JSON.stringify([
            ['input-key', 'k'],
            ['object', 'o'],
            ['Upper', 'u'],
            ['empty', ''],
            ['quoted', 'é'],
          ]),
        ),
      },
    )
  })

  it('is read back as it was, whatever it is', () => {
    const text = fc.string({ unit: 'grapheme' })
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(text, fc.constantFrom('manifest', 'millrace_crc32c', '__proto__x')), text), (metadata) => {
        const raw = blobMetadata(metadata, CONTENT, 'f')
        for (const [name, value] of Object.entries(raw)) expect(`${name}: ${value}`).toMatch(/^[a-z_][a-z0-9_]*: [\x21-\x7e][\x20-\x7e]*$/)
        expect(readMetadata(raw, 7)).toEqual({ metadata: { ...metadata }, crc32c: CONTENT.crc32c })
      }),
    )
  })

  it('refuses more than Azure keeps', () => {
    const make = () => blobMetadata({ a: 'x'.repeat(9000) }, CONTENT, 'azure://a/c/k')
    expect(make).toThrow(ConfigError)
    expect(make).toThrow('the metadata of azure://a/c/k are 9026 bytes; Azure keeps at most 8192')
  })
})

describe('readMetadata', () => {
  it('has no checksum for a blob of another size, or of somebody else', () => {
    expect(readMetadata({ millrace_crc32c: '1a2b3c4d 7' }, 8).crc32c).toBeUndefined()
    expect(readMetadata({ millrace_crc32c: 'planted' }, 7).crc32c).toBeUndefined()
    expect(readMetadata({ who: 'x' }, 7)).toEqual({ metadata: { who: 'x' }, crc32c: undefined })
    expect(readMetadata({ millrace_metadata: '%' }, 7)).toEqual({ metadata: {}, crc32c: undefined })
  })
})
