import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withoutWrite, withWrite } from '../../../lib/connectors/s3/metadata.ts'

const texts = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('manifest', 'with  blanks', ' edge ', '', '=?UTF-8?Q?x?=', 'A-b', 'millrace-write', 'millrace-metadata', '__proto__'),
)
const metadata = fc.array(fc.tuple(texts, texts)).map((pairs) => Object.fromEntries(pairs))

describe('metadata', () => {
  it('come back as they were, through names in lower case and values that headers carry', () => {
    fc.assert(
      fc.property(metadata, (wanted) => {
        const stored = withWrite(wanted, 'mark')
        for (const [name, value] of Object.entries(stored)) {
          expect(name).toMatch(/^[a-z0-9][a-z0-9._-]*$/)
          expect(value).toMatch(/^[\x20-\x7e]+$/)
          expect(value).toBe(value.trim().replace(/ +/g, ' '))
        }
        expect(withoutWrite(stored)).toEqual({ metadata: wanted, write: 'mark' })
      }),
    )
  })

  it('of a delivery stand as they are, for other tools to see', () => {
    expect(withWrite({ manifest: 'a/b.json', 'input-key': 'k' }, 'mark')).toEqual({
      manifest: 'a/b.json',
      'input-key': 'k',
      'millrace-write': 'mark',
    })
  })

  it('of foreign objects are what they are, also where they look like ours', () => {
    expect(withoutWrite({ theirs: '1' })).toEqual({ metadata: { theirs: '1' }, write: undefined })
    expect(withoutWrite({ 'millrace-metadata': 'no%json' }).metadata).toEqual({})
  })
})
