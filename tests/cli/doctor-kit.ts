import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Finding } from '../../lib/core/finding.ts'
import { type DoctorOptions, type DoctorReport, doctor } from '../../lib/pipeline/doctor/doctor.ts'
import { FILES_CONFIG, type TestProject, testProject } from '../kit/project.ts'

/** A pipeline that is right. */
export const PIPELINE = `import { pipeline, replace, source, sql } from '#millrace'
const columns = { id: 'int64' } as const
export default pipeline({
  name: 'p', schema: { line: columns, out: columns },
  extract: { line: source('data').files('in.csv') },
  transform: { out: sql\`SELECT id FROM line\` },
  load: { out: replace('out') },
})
`
const FILES = { 'data/in.csv': 'id\n1\n', 'pipelines/p/pipeline.ts': PIPELINE }
/** A project with a pipeline that is right, and these files. */
export const project = (files: Readonly<Record<string, string>> = {}) => testProject({ ...FILES, ...files })

/** The doctor in this process, the working folder as it was. */
export async function examine(of: TestProject, options: DoctorOptions = {}): Promise<DoctorReport> {
  const before = process.cwd()
  try {
    return await doctor(of.folder, options)
  } finally {
    process.chdir(before)
  }
}

/** The findings of one thing. */
export function of(report: DoctorReport, name: string, what?: string): readonly Finding[] {
  const found = report.examined.find((each) => each.name.startsWith(name))?.findings
  if (!found) throw new Error(`${name} was not examined; there are: ${report.examined.map((each) => each.name).join(', ')}`)
  return what === undefined ? found : found.filter((each) => each.what === what)
}

/** All that is not right, as `name what`. */
export const wrong = (report: DoctorReport) =>
  report.examined.flatMap(({ name, findings }) =>
    findings.flatMap(({ what, state }) => (state === 'ok' ? [] : [`${state} ${name}: ${what}`])),
  )

/** The address of a server of its own for a test. */
export async function service(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
/** A configuration with a connection `api` of these settings of `http`. */
export const withApi = (http: string) => ({
  'millrace.config.ts': FILES_CONFIG.replace('duckdb, files', 'duckdb, files, http, secret').replace(
    'connections: {',
    `connections: { api: http({ ${http} }),`,
  ),
})
