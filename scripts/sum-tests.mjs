// Sums up the JSON reports of the test runs in a folder and prints `N passed, N failed`; exits 1 unless all passed and none was left out.
// A target listed in the folder's failed-targets counts as one failure if no test of a report accounts for it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2]
if (!folder) throw new Error('usage: node scripts/sum-tests.mjs <folder of reports>')
let passed = 0
const failures = []
const explained = new Set()

for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  const before = failures.length
  for (const suite of JSON.parse(readFileSync(join(folder, file), 'utf8')).testResults) {
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') passed++
      else failures.push(`${test.status}: ${suite.name}: ${test.fullName}`)
    }
    const broken = suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed')
    if (broken) failures.push(`failed: ${suite.name}: ${suite.message || 'the file did not run'}`)
  }
  if (failures.length > before) explained.add(file === 'unit.json' ? 'make test' : 'make test-systems')
}

const targets = join(folder, 'failed-targets')
for (const target of existsSync(targets) ? readFileSync(targets, 'utf8').trim().split('\n') : []) {
  if (!explained.has(target)) failures.push(`failed: ${target}`)
}

for (const failure of failures) console.log(failure)
console.log(`${passed} passed, ${failures.length} failed`)
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1
