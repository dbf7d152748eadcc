/** The systems that there are, one line each. */
export { duckdb } from './duckdb/index.ts'
export { files } from './files/index.ts'
export { http } from './http/index.ts'
export { local } from './local/index.ts'
