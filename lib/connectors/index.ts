/** The systems that there are, one line each. */
export { type AzureOptions, azure } from './azure/index.ts'
export { duckdb } from './duckdb/index.ts'
export { type FilesOptions, files } from './files/index.ts'
export { type GcsOptions, gcs } from './gcs/index.ts'
export { type HttpAuth, type HttpOptions, http } from './http/index.ts'
export { local } from './local/index.ts'
export { type PostgresOptions, postgres, type StartedServer } from './postgres/index.ts'
export { type S3Options, s3 } from './s3/index.ts'
