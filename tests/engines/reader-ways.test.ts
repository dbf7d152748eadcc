import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../kit/context.ts'
import { ENDLESS, open } from './reader-kit.ts'

describe('the quicker ways of a statement', () => {
  const file = (text: string) => {
    const path = join(temporaryFolder(), 'x.csv')
    writeFileSync(path, text)
    return path
  }
  const outcome = async (text: string, fast: string, first?: string) => {
    const to = join(temporaryFolder(), 'out.parquet')
    const copy = (sql: string) => `COPY (${sql}) TO '${to}' (FORMAT parquet)`
    const proof = [{ do: 'digits', file: file(text), compression: 'none' }] as const
    const csv = { delimiter: ',', quote: '"', escape: '"', header: true, nulls: [''], kinds: [{ scale: 0 }] }
    const odd = [{ do: 'odd', file: file(text), compression: 'none', csv }] as const
    const ways = [...(first === undefined ? [] : [{ sql: copy(first), proof: odd }]), { sql: copy(fast), proof }]
    const reader = open()
    const { rows } = await reader.execute({ statements: [{ sql: copy("SELECT 'slow' AS way"), fast: ways }] })
    expect(rows).toEqual([1])
    return (await reader.execute({ meta: { sql: `FROM '${to}'` } })).meta[0]?.way
  }

  it('count where they succeed and their proof holds', async () => {
    expect(await outcome('a\n123456789012345\n', "SELECT 'fast' AS way")).toBe('fast')
  })

  it('are tried one after the other, the next where the proof of one fails', async () => {
    expect(await outcome('a\n1\n', "SELECT 'fast' AS way", "SELECT 'first' AS way")).toBe('first')
    expect(await outcome('a\n1.5\n', "SELECT 'fast' AS way", "SELECT 'first' AS way")).toBe('fast')
    expect(await outcome('a\n1.5\n', "SELECT 'fast' AS way", `SELECT 'first' AS way FROM (${ENDLESS})`)).toBe('fast')
    expect(await outcome('a\n1.55555555555555555\n', "SELECT 'fast' AS way", "SELECT 'first' AS way")).toBe('slow')
  })

  it('give way where the proof fails, where they fail themselves, and where the file cannot be looked at', async () => {
    expect(await outcome('a\n1234567890123456\n', "SELECT 'fast' AS way")).toBe('slow')
    expect(await outcome('a\n1\n', "SELECT 'x'::INTEGER AS way")).toBe('slow')
    expect(await outcome('a\n1234567890123456\n', `SELECT 'fast' AS way FROM (${ENDLESS})`)).toBe('slow')
  })
})
