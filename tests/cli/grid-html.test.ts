import { Script } from 'node:vm'
import { expect, test } from 'vitest'
import { gridHtml } from '../../lib/cli/grid-html.ts'
import { PAGE_SCRIPT } from '../../lib/cli/grid-page-script.ts'
import { Secret } from '../../lib/core/secret.ts'
import { gridOfStates } from './grids.ts'

const dataOf = (html: string) => JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? '')

test('gridHtml is one page that asks nothing of the network', () => {
  const html = gridHtml(gridOfStates('day', ['done', 'failed']))
  expect(html).not.toMatch(/\b(src|href|action)=|url\(|@import|https?:|fetch\(|import\(/)
  expect(html).toContain(`default-src 'none'`)
  expect(html).toContain('prefers-color-scheme: dark')
  expect(html.match(/<script/g)).toHaveLength(2)
  expect(() => new Script(PAGE_SCRIPT)).not.toThrow()
})

test('gridHtml takes names and errors as text, whatever they are', () => {
  const hostile = '</script><script>alert(1)</script><img src=x onerror=alert(1)> & "\'\u2028'
  const grid = gridOfStates(undefined, ['failed'], { partition: hostile, error: hostile })
  const html = gridHtml({ ...grid, pipeline: '<b>&"', profile: '</title>' })
  expect(html.match(/<script/g)).toHaveLength(2)
  expect(html).not.toContain('<img')
  expect(html).not.toContain('<b>&')
  expect(html).toContain('&#60;b&#62;&#38;&#34; (&#60;/title&#62;)')
  const [name, , , figures] = dataOf(html).rows[0].slots[0]
  expect([name, figures[5]]).toEqual([hostile, hostile])
})

test('gridHtml says no secret', () => {
  new Secret('env:X', () => 'tok-in-grid').reveal()
  expect(gridHtml(gridOfStates('day', ['failed'], { error: 'with tok-in-grid' }))).not.toContain('tok-in-grid')
})

test('gridHtml holds 10,000 partitions, each in its place', () => {
  const html = gridHtml(
    gridOfStates(
      'day',
      Array.from({ length: 10_000 }, (_, i) => (i % 10 === 0 ? 'failed' : 'done')),
    ),
  )
  const { rows } = dataOf(html) as { rows: { label: string; slots: (0 | [string])[] }[] }
  const found = rows.flatMap(({ label, slots }) =>
    slots.flatMap((slot, day) => (slot === 0 ? [] : [[`${label}-${String(day + 1).padStart(2, '0')}`, slot[0]]])),
  )
  expect(found).toHaveLength(10_000)
  expect(found.filter(([place, name]) => place !== name)).toEqual([])
  expect(html.length).toBeLessThan(12_000_000)
})
