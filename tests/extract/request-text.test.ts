import { expect, test } from 'vitest'
import { requestText } from '../../lib/extract/request-text.ts'

test.each([
  [{ method: 'files', paths: ['a.csv', 'b/*.csv'] }, 'a.csv, b/*.csv'],
  [{ method: 'GET', path: 'events/{partition}' }, 'events/{partition}'],
  [{ method: 'POST', path: 'search' }, 'POST search'],
  [{ method: 'table', table: 'payment' }, 'payment'],
  [{ method: 'table', schema: 'public', table: 'payment' }, 'public.payment'],
  [{ method: 'query', sql: '\n  SELECT id\n  FROM payment\n' }, 'SELECT id FROM payment'],
] as const)('requestText of %j', (request, text) => expect(requestText(request)).toBe(text))
