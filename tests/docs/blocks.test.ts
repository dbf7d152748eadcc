import { expect, it, test } from 'vitest'
import { blocksOf, commandsOf, isTold } from './blocks.ts'

test('blocksOf gives fenced blocks in order, with what their fence says', () => {
  expect(blocksOf('a\n```ts pipelines/a.ts\nx\n\ny\n```\nb `c`\n```sh\n```\n')).toEqual([
    { language: 'ts', info: 'pipelines/a.ts', text: 'x\n\ny\n', line: 2 },
    { language: 'sh', info: '', text: '', line: 8 },
  ])
  expect(() => blocksOf('```sh\n$ ls\n')).toThrow('line 1 does not end')
})

test('commandsOf gives commands with output and exit code', () => {
  expect(commandsOf('$ ls\na\n\nb\n$ false\nexit 1\n$ true\n')).toEqual([
    { command: 'ls', output: 'a\n\nb', exit: 0 },
    { command: 'false', output: '', exit: 1 },
    { command: 'true', output: '', exit: 0 },
  ])
})

it.each([
  ['a  b', 'a b\n', true],
  ['done in 5 s\nrun 20260105T081500482-0a1b2c', 'done in 17 ms\nrun 20261123T094029482-a1785c', true],
  ['at 2026-01-05T08:15:00.000Z', 'at 2026-11-23T09:39:34.752Z', true],
  ['peak memory 200 MB', 'peak memory 1.2 GB', true],
  ['─── ──', '─ ─────', true],
  ['made /home/me/shop/a', 'made /tmp/x1/a', true],
  ['a … c', 'a b b c', true],
  ['a\n…\nd', 'a\nb\nc\nd', true],
  ['a\n…\nd', 'a\nd', true],
  ['…\nd', 'd', true],
  ['a … c', 'a\nc', false],
  ['a', 'a\nb', false],
  ['a.c', 'abc', false],
  ['3 rows', '4 rows', false],
  ['3 rows', '13 rows', false],
  ['2026-01-05', '2026-01-06', false],
  ['', 'a', false],
])('isTold(%j, %j) is %s', (told, given, expected) => {
  expect(isTold(told, given, '/tmp/x1')).toBe(expected)
})
