import { expect, it } from 'vitest'
import { comparisonOf } from '../../lib/check/exact.ts'
import { expressionOf, patternOf } from '../../lib/check/measure.ts'

it('expressionOf renames a template’s parameters and nothing else', () => {
  const text = `a = $_1 AND b = '$_1''$_2' AND "$_1" = $_12 AND c = E'\\'$_1' -- $_1
    AND /* $_1 */ d = $$ $_1 $$ AND e = $tag$ $_1 $tag$ AND f = $start`
  expect(expressionOf(text, 'r7')).toBe(`a = $r7_1 AND b = '$_1''$_2' AND "$_1" = $r7_12 AND c = E'\\'$_1' -- $_1
    AND /* $_1 */ d = $$ $_1 $$ AND e = $tag$ $_1 $tag$ AND f = $start`)
})

it('patternOf writes flags into the pattern and leaves out u, which RE2 always has', () => {
  expect(patternOf({ pattern: 'a', flags: '' })).toBe('a')
  expect(patternOf({ pattern: 'a|b', flags: 'imsu' })).toBe('(?ims)a|b')
  expect(patternOf({ pattern: 'a', flags: 'u' })).toBe('a')
})

it('comparisonOf finds the type in which no digit is lost', () => {
  expect(comparisonOf('int32', [1, 2])).toEqual({ type: 'BIGINT', values: [1, 2] })
  expect(comparisonOf('uint64', [1])).toEqual({ type: 'DECIMAL(20,0)', values: ['1'] })
  expect(comparisonOf('int64', [0.25])).toEqual({ type: 'DECIMAL(22,2)', values: ['0.25'] })
  expect(comparisonOf('decimal(10,2)', [0.125, '12345678901.5'])).toEqual({ type: 'DECIMAL(14,3)', values: ['0.125', '12345678901.5'] })
  expect(comparisonOf('decimal(38,2)', [0.125])).toEqual({ type: 'DOUBLE', values: ['0.125'] })
  expect(comparisonOf('int64', [Infinity, 1e-7])).toEqual({ type: 'DOUBLE', values: ['Infinity', '1e-7'] })
  expect(comparisonOf('float32', [0.1])).toEqual({ type: 'FLOAT', values: ['0.1'] })
  expect(comparisonOf('date', ['2005-05-24'])).toEqual({ type: 'DATE', values: ['2005-05-24'] })
  expect(() => comparisonOf('int32', ['one'])).toThrow('"one" is no value of a column of type int32')
  expect(() => comparisonOf('boolean', ['true'])).toThrow('"true" is no value of a column of type boolean')
})
