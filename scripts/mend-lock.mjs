// Adds the optional platform packages that npm left out of package-lock.json because the registry in use did not
// serve them: without their entries `npm ci` rejects the lock as out of sync. Also drops `resolved`, which names a machine's registry.
// Run it after every `npm install` that changes the lock: node scripts/mend-lock.mjs [package-lock.json]
import { readFileSync, writeFileSync } from 'node:fs'

const file = process.argv[2] ?? new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8'))
const platform =
  /(android|darwin|freebsd|linux|openharmony|win32|sunos|netbsd|openbsd|aix)-(arm64|arm|x64|ia32|riscv64|ppc64|s390x|loong64)(?:-(musl|gnu))?/

/** The entry that npm writes for a platform package that it did not install. */
function entryOf(name, version, parent) {
  const [, os, cpu, libc] = platform.exec(name) ?? []
  if (!os) throw new Error(`${name} is missing from the lock and its name tells no platform`)
  return {
    version,
    cpu: [cpu],
    ...(parent.dev ? { dev: true } : {}),
    ...(libc ? { libc: [libc === 'musl' ? 'musl' : 'glibc'] } : {}),
    optional: true,
    os: [os],
  }
}

const added = []
for (const [path, entry] of Object.entries(lock.packages)) {
  delete entry.resolved
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    if (lock.packages[key] || lock.packages[`${path}/${key}`]) continue
    lock.packages[key] = entryOf(name, version, entry)
    added.push(key)
  }
}

const order = ([a], [b]) => (a < b ? -1 : 1)
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(order))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(added.length ? `added to the lock:\n${added.join('\n')}` : 'the lock is complete')
