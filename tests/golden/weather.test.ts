import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { copyProject, expectCase, select, testGoldenCases } from './cases.ts'

const november = new URL('../../fixtures/weather/november/expected/', import.meta.url)
const linesOf = async (file: string) => (await readFile(new URL(file, november), 'utf8')).trimEnd().split('\n').slice(1)

testGoldenCases('weather', {
  november: { says: 'keeps both hours of the 3rd that the local clock calls 01:00, counting the day by UTC', holds: keepsBothHours },
})

async function keepsBothHours(project: string): Promise<void> {
  const landed = `read_parquet('${join(project, '.millrace/dev/landing/weather/observation/2013-11')}/**/*.parquet')`
  const hours = await select(
    project,
    `SELECT origin, local_day, hour, strftime(timezone('UTC', time_hour), '%Y-%m-%dT%H:%M:%SZ')
     FROM (SELECT *, printf('%04d-%02d-%02d', year, month, day) AS local_day FROM ${landed})
     QUALIFY count(*) OVER (PARTITION BY origin, local_day, hour) > 1 ORDER BY origin, time_hour`,
  )
  expect(hours.map((row) => row.join(','))).toEqual(await linesOf('facts/repeated-hours.csv'))
  expect(hours.map(([, , , instant]) => instant?.slice(11, 13))).toEqual(['05', '06', '05', '06', '05', '06'])

  const delivered = (await linesOf('export/weather/climate/2013-11.csv')).filter((line) => line.includes(',2013-11-03,'))
  const byClock = await linesOf('facts/by-local-clock.csv')
  const counts = (await linesOf('facts/hours-of-the-day.csv')).map((line) => line.split(','))
  expect(counts).toHaveLength(3)
  for (const [at, [origin, utcHours, localHours, clockHours]] of counts.entries()) {
    const stationAndHours = (line = '') => line.split(',').filter((_, column) => column === 0 || column === 3)
    expect(stationAndHours(delivered[at])).toEqual([origin, utcHours])
    expect(stationAndHours(byClock[at])).toEqual([origin, localHours])
    // The local day has one row more than its clock has names: a key of clock columns would lose an hour or refuse the month.
    expect(Number(clockHours)).toBe(Number(localHours) - 1)
    expect(delivered[at]).not.toBe(byClock[at])
  }
}

const weatherCsv = (project: string) => join(project, 'fixtures/weather/nycflights13/weather.csv')

test('weather delivers the same from a file with a byte order mark', async () => {
  const project = await copyProject()
  const text = await readFile(weatherCsv(project), 'utf8')
  await writeFile(weatherCsv(project), `\uFEFF${text}`)
  await expectCase(project, 'weather', 'november')
})

test('weather delivers the same from a gzip file', async () => {
  const project = await copyProject()
  await writeFile(`${weatherCsv(project)}.gz`, gzipSync(await readFile(weatherCsv(project))))
  await rename(weatherCsv(project), `${weatherCsv(project)}.gone`)
  const file = join(project, 'pipelines/weather/pipeline.ts')
  const text = await readFile(file, 'utf8')
  expect(text).toContain(`.files('weather.csv',`)
  await writeFile(file, text.replace(`.files('weather.csv',`, `.files('weather.csv.gz',`))
  await expectCase(project, 'weather', 'november')
})
