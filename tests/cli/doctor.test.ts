import { existsSync, readdirSync, rmSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { freePort } from '../../fixtures/ports.ts'
import { doctorText } from '../../lib/cli/doctor.ts'
import type { DoctorReport } from '../../lib/pipeline/doctor/doctor.ts'
import { examine, of, project, service, withApi, wrong } from './doctor-kit.ts'

describe('millrace doctor', () => {
  it('looks at everything, finds nothing wrong, exits 0, and leaves the project as it was', async () => {
    const here = project()
    await here.millrace('run', 'p')
    const everything = () =>
      readdirSync(here.path('.millrace'), { recursive: true, encoding: 'utf8' })
        .filter((path) => !path.includes('.millrace-meta'))
        .sort()
    const before = everything()
    const { code, stdout, stderr } = await here.millrace('doctor')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const line of [
      'machine\n  ✓ node ',
      '✓ versions       millrace ',
      '✓ known faults   duckdb#25213, duckdb#24624, duckdb#23588: held off',
      '✓ pipelines      p\n',
      'connection data (files)\n  ✓ folder         can be read, with the files that pipelines name by 1 path: ',
      'warehouse (duckdb)\n  ✓ file           can be opened and written, ',
      '✓ tokens         1 committed',
      'landing (local)\n  ✓ objects        written, read, listed, guarded by preconditions, deleted in ',
      'store (local)\n  ✓ folder         not there yet, made at its first use: ',
    ])
      expect(stdout).toContain(line)
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('nothing is wrong')
    expect(everything()).toEqual(before)
    expect(await here.warehouse("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%doctor%'")).toEqual([])
  })

  it('makes nothing in a fresh project', async () => {
    const here = project()
    const report = await examine(here)
    expect(wrong(report)).toEqual([])
    expect(of(report, 'warehouse', 'file')[0]?.found).toBe(
      `not there yet, made by the first load: ${here.path('.millrace/dev/warehouse.duckdb')}`,
    )
    expect(existsSync(here.path('.millrace'))).toBe(false)
  })

  it('says the same as one JSON document', async () => {
    const { code, stdout } = await project().millrace('doctor', '--json')
    const report = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(report).toMatchObject({ profile: 'dev', exitCode: 0 })
    expect(report.examined.map(({ name }: { readonly name: string }) => name)).toEqual([
      'machine',
      'engines',
      'project',
      'connection data (files)',
      'warehouse (duckdb)',
      'landing (local)',
      'store (local)',
    ])
    expect(report.examined[0].findings[0]).toEqual({ what: 'node', state: 'ok', found: process.versions.node })
  })

  it('exits 2 where the configuration is wrong, and looks at the machine all the same', async () => {
    const here = project({
      'millrace.config.ts': "import { config } from '#millrace'\nexport default config({ profiles: { dev: { connections: {} } } })",
    })
    const { code, stdout } = await here.millrace('doctor')
    expect(code).toBe(2)
    expect(stdout).toMatch(/✓ node /)
    expect(stdout).toMatch(/✗ configuration +config profile "dev": warehouse is missing; config profile "dev": landing is missing/)
    expect(stdout).toMatch(/1 fault \(exit 2\)\n$/)
    expect((await project().millrace('doctor', '--profile', 'nonesuch')).stdout).toMatch(/✗ configuration +unknown profile "nonesuch"; /)
  })

  it('prints what to do below what was found, coloured only where asked', () => {
    const report: DoctorReport = {
      profile: 'dev',
      exitCode: 75,
      examined: [
        { name: 'one', findings: [{ what: 'answers', state: 'fault', found: 'no', kind: 'unreachable', advice: 'wait' }] },
        { name: 'two', findings: [{ what: 'disk', state: 'warning', found: 'small' }] },
      ],
    }
    expect(doctorText(report, false)).toBe(
      'one\n  ✗ answers  no\n             → wait\n\ntwo\n  ! disk     small\n\n1 fault, 1 warning (exit 75)',
    )
    expect(doctorText(report, true)).toContain('\x1b[31m✗\x1b[0m')
  })
})
test('doctor exits by the most telling fault: configuration, then what does not answer, then the rest', async () => {
  const here = project({ ...withApi(`baseUrl: 'http://127.0.0.1:${await freePort()}/'`) })
  const full = { space: async () => ({ freeBytes: 0, type: 0 }) }
  expect((await examine(here, full)).exitCode).toBe(75)
  rmSync(here.path('data'), { recursive: true })
  expect((await examine(here, full)).exitCode).toBe(2)
})

test('doctor stops when it is asked to', async () => {
  const reason = new Error('stop')
  const url = await service(() => undefined)
  const controller = new AbortController()
  setTimeout(() => controller.abort(reason), 500)
  await expect(examine(project(withApi(`baseUrl: '${url}'`)), { signal: controller.signal })).rejects.toBe(reason)
})
