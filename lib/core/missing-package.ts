import { messageOf } from './errors.ts'

/** What to do where a user's own code imports a package that its project has not; undefined for every other error. */
export function missingPackageHint(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ERR_PACKAGE_IMPORT_NOT_DEFINED' && messageOf(error).includes('"#millrace"'))
    return "import from 'millrace': '#millrace' is for what lies in a checkout of it"
  const missing = code === 'ERR_MODULE_NOT_FOUND' ? /^Cannot find package '([^']+)'/.exec(messageOf(error))?.[1] : undefined
  if (missing === undefined) return undefined
  return missing === 'millrace'
    ? 'install millrace into this project: its docs/guide.md says how'
    : `install it into this project: npm install ${missing}`
}
