import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// What takes longest begins first, so that at the end no worker is left with a minute of it alone. On a fresh clone vitest knows only the files' sizes.
const LONGEST = [
  '/tests/torture/',
  '/tests/memory/',
  '/tests/contracts/warehouse',
  '/tests/docs/',
  '/tests/land/',
  '/tests/pack',
  '/tests/faults/',
]

// With those against servers: what needs none, but minutes of the machine.
const LONG = ['systems', 'faults', 'pipeline/backfill', 'pipeline/history'].map((folder) => `tests/${folder}/**/*.test.ts`)

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((part) => moduleId.includes(part))
      return at < 0 ? LONGEST.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

const project = (name: string, include: string[], exclude: string[] = []) => ({
  extends: true as const,
  test: { name, include, exclude: ['**/node_modules/**', ...exclude] },
})

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // As bin/millrace.js sets it: processes that tests start find what others have compiled.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/millrace') },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      project('unit', ['tests/**/*.test.ts'], [...LONG, 'tests/bucket/**']),
      project('systems', LONG),
      project('bucket', ['tests/bucket/**/*.test.ts']),
    ],
  },
})
