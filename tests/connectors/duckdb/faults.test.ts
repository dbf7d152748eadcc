import { rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { LoadRequest } from '../../../lib/connectors/warehouse.ts'
import { PermanentError } from '../../../lib/core/errors.ts'
import { DuckDBConnection } from '../../../lib/engines/duckdb-connection.ts'
import { temporaryFolder, testContext } from '../../kit/context.ts'
import { datasetOf, queryFile } from '../../kit/dataset.ts'
import { COLUMNS, CONNECTOR, requestOf, runChild, setup, thrownBy } from './kit.ts'

describe('duckdb on a full disk', () => {
  it('leaves rows and token both or neither, wherever the space ends, and loads when there is room', async () => {
    const { folder, file, dataset, warehouse } = await setup('SELECT range AS id, md5(range::VARCHAR) AS value FROM range(300_000)')
    const before = requestOf(await datasetOf(folder, 'numbers', COLUMNS, "SELECT 1 AS id, 'a' AS value"))
    const request = { ...requestOf(dataset), expected: before.token, token: { ...before.token, inputKey: 'k2' } }
    const whole = runChild({
      module: CONNECTOR,
      name: 'duckdb',
      args: [join(folder, 'whole')],
      workspace: temporaryFolder(),
      request: { ...request, expected: undefined } as unknown as LoadRequest,
    })
    expect(await whole).toContain('done')
    const wholeBlocks = Math.ceil(statSync(join(folder, 'whole')).size / 1024)
    let failures = 0
    for (const share of [0, 0.05, 0.5, 0.95, 1.01]) {
      rmSync(dirname(file), { recursive: true, force: true })
      await warehouse.load(before, testContext())
      const limit = Math.ceil(statSync(file).size / 1024) + Math.round(share * wholeBlocks)
      const output = await runChild({ module: CONNECTOR, name: 'duckdb', args: [file], workspace: temporaryFolder(), request }, limit)
      const [token] = await warehouse.tokens('test', testContext())
      const rows = await queryFile(file, 'SELECT count(*) AS n FROM numbers')
      const loaded = output.includes('done')
      expect(token?.inputKey).toBe(loaded ? 'k2' : 'k1')
      expect(rows).toEqual([{ n: loaded ? '300000' : '1' }])
      if (!loaded) {
        failures++
        expect(output).toMatch(/failed PermanentError: .*(too large|no space)/i)
        await warehouse.load(request, testContext())
        expect(await queryFile(file, 'SELECT count(*) AS n FROM numbers')).toEqual([{ n: '300000' }])
      }
    }
    expect(failures).toBeGreaterThanOrEqual(3)
  })

  it('leaves no warehouse that cannot be opened when there is no room to make it', async () => {
    const { file, dataset, warehouse } = await setup()
    for (const limit of [0, 4, 11]) {
      const output = await runChild(
        { module: CONNECTOR, name: 'duckdb', args: [file], workspace: temporaryFolder(), request: requestOf(dataset) },
        limit,
      )
      expect(output).toContain('failed PermanentError')
      expect(await warehouse.tokens('test', testContext())).toEqual([])
    }
    await warehouse.load(requestOf(dataset), testContext())
  })
})

describe('duckdb whose COMMIT gives no clear answer', () => {
  it('reads back: what is there is adopted, what is not is an error', async () => {
    for (const committed of [true, false]) {
      const { file, warehouse, request } = await setup()
      await warehouse.load(request, testContext())
      const { run } = DuckDBConnection.prototype
      onTestFinished(() => void Object.assign(DuckDBConnection.prototype, { run }))
      DuckDBConnection.prototype.run = async function (this: DuckDBConnection, ...args: Parameters<typeof run>) {
        if (args[0] !== 'COMMIT') return run.apply(this, args)
        if (committed) await run.apply(this, args)
        throw new Error('IO Error: the reply was lost')
      }
      // The same input key as before: only the attempt tells whether this load is the one that stands there.
      const loading = warehouse.load({ ...request, expected: request.token, load: '000002' }, testContext())
      if (committed) await expect(loading).resolves.toMatchObject({ rows: 3, removed: 3 })
      else expect(await thrownBy(loading)).toBeInstanceOf(PermanentError)
      DuckDBConnection.prototype.run = run
      expect(await queryFile(file, 'SELECT DISTINCT _load FROM numbers')).toEqual([{ _load: committed ? '000002' : '000001' }])
    }
  })
})
