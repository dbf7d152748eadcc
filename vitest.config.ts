import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const project = (name: string, include: string[], exclude: string[] = []) => ({
  extends: true as const,
  test: { name, include, exclude: ['**/node_modules/**', ...exclude] },
})

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // As bin/millrace.js sets it: processes that tests start find what others have compiled.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/millrace') },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      project('unit', ['tests/**/*.test.ts'], ['tests/systems/**', 'tests/bucket/**']),
      project('systems', ['tests/systems/**/*.test.ts']),
      project('bucket', ['tests/bucket/**/*.test.ts']),
    ],
  },
})
