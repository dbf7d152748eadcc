import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { secret } from '../../lib/config/secret.ts'

test('secret reads the environment when revealed, not before', () => {
  const token = secret('env:MILLRACE_TEST_LATE')
  process.env.MILLRACE_TEST_LATE = 'late value'
  expect(token.reveal()).toBe('late value')
  delete process.env.MILLRACE_TEST_LATE
  expect(() => token.reveal()).toThrow('environment variable MILLRACE_TEST_LATE is not set')
})

test('secret reads a file without its last line end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-secret-'))
  const file = join(folder, 'pg')
  writeFileSync(file, 'from file\n')
  expect(secret(`file:${file}`).reveal()).toBe('from file')
  writeFileSync(file, '\n')
  expect(() => secret(`file:${file}`).reveal()).toThrow(`secret file ${file} is empty`)
  rmSync(folder, { recursive: true })
  expect(() => secret(`file:${file}`).reveal()).toThrow(`secret file ${file} cannot be read: ENOENT`)
})

test.each(['hunter2-in-the-wrong-place', 'vault:hunter2', 'env:', ''])('secret refuses %j without showing it', (reference) => {
  expect(() => secret(reference)).toThrow(/"env:NAME"/)
  expect(() => secret(reference)).not.toThrow(/hunter2/)
})
