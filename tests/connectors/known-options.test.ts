import { expect, test } from 'vitest'
import { ConfigError } from '../../lib/core/errors.ts'
import { azure, files, gcs, http, postgres, s3, secret, webhook } from '../../lib/index.ts'

const CONNECTIONS: Readonly<Record<string, (more: object) => unknown>> = {
  postgres: (more) => postgres({ host: 'localhost', database: 'd', user: 'u', ...more }),
  gcs: (more) => gcs({ bucket: 'deliveries', ...more }),
  s3: (more) => s3({ bucket: 'deliveries', region: 'eu-central-1', ...more }),
  azure: (more) => azure({ account: 'acme', container: 'deliveries', ...more }),
  http: (more) => http({ baseUrl: 'https://api.example.com', ...more }),
  webhook: (more) => webhook({ url: 'https://example.com/hook', secret: secret('env:HOOK'), ...more }),
  'files()': (more) => files('folder', more),
}

const refusal = (work: () => unknown): ConfigError | undefined => {
  try {
    work()
  } catch (error) {
    return error as ConfigError
  }
  return undefined
}

test.each(Object.keys(CONNECTIONS))('%s refuses an option that it does not have, and shows no value', (of) => {
  const open = CONNECTIONS[of]
  expect(refusal(() => open?.({}))).toBeUndefined()
  const error = refusal(() => open?.({ retrys: 'planted-secret' }))
  expect(error).toBeInstanceOf(ConfigError)
  expect(error?.message).toMatch(of === 'files()' ? /^files\(\) has no option "retrys"$/ : new RegExp(`^${of} has no option "retrys"`))
  expect(`${error?.message} ${error?.hint}`).not.toContain('planted-secret')
  expect(error?.hint).toMatch(/^its options: /)
})

test('a misspelt option is told the right one', () => {
  expect(refusal(() => CONNECTIONS.gcs?.({ endpoint: 'http://127.0.0.1:1' }))?.message).toBe('gcs has no option "endpoint"')
  expect(refusal(() => CONNECTIONS.postgres?.({ statementTimout: '1s' }))?.message).toBe(
    'postgres has no option "statementTimout"; did you mean "statementTimeout"?',
  )
})
