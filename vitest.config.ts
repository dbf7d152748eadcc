import { defineConfig } from 'vitest/config'

const project = (name: string, include: string[], exclude: string[] = []) => ({
  extends: true as const,
  test: { name, include, exclude: ['**/node_modules/**', ...exclude] },
})

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      project('unit', ['tests/**/*.test.ts'], ['tests/systems/**', 'tests/bucket/**']),
      project('systems', ['tests/systems/**/*.test.ts']),
      project('bucket', ['tests/bucket/**/*.test.ts']),
    ],
  },
})
