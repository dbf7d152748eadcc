import { afterAll, beforeAll, expect, test } from 'vitest'
import { serveQuakes } from '../fixtures/quakes/server.ts'

let server: Awaited<ReturnType<typeof serveQuakes>>
beforeAll(async () => {
  server = await serveQuakes()
})
afterAll(() => server.close())

const ask = (query: string, method = 'query') => fetch(`${server.url}/fdsnws/event/1/${method}?${query}`)

async function events(query: string) {
  const response = await ask(`format=geojson&${query}`)
  expect(response.status).toBe(200)
  const body = (await response.json()) as {
    type: string
    metadata: { count: number }
    features: { id: string; properties: { time: number } }[]
  }
  expect(body.type).toBe('FeatureCollection')
  expect(body.metadata.count).toBe(body.features.length)
  return body.features
}

const DAY = 'starttime=2018-02-04T00:00:00Z&endtime=2018-02-05T00:00:00Z'

test('serveQuakes serves the whole week, latest first', async () => {
  const all = await events('')
  expect(all).toHaveLength(1707)
  expect(all[0]?.id).toBe('ci37868143')
  const times = all.map((event) => event.properties.time)
  expect(times).toEqual(times.toSorted((a, b) => b - a))
})

test('serveQuakes cuts by starttime and endtime, both inclusive', async () => {
  expect(await events(DAY)).toHaveLength(301)
  const first = '2018-02-04T00:01:28.020Z'
  expect(await events(`starttime=${first}&endtime=${first}`)).toHaveLength(1)
  expect((await ask('format=geojson&starttime=2018-02-04T00:01:28.021Z&endtime=2018-02-04T00:01:29')).status).toBe(204)
})

test('serveQuakes takes times without a zone as UTC, dates, and offsets', async () => {
  const times = [
    '2018-02-04T00:00:00&endtime=2018-02-05',
    '2018-02-04&endtime=2018-02-05T00:00:00%2B00:00',
    '2018-02-04T02:00:00%2B02:00&endtime=2018-02-05',
  ]
  for (const time of times) expect(await events(`starttime=${time}`)).toHaveLength(301)
})

test('serveQuakes pages by limit and offset from 1, in either order', async () => {
  const ascending = await events(`${DAY}&orderby=time-asc`)
  const paged = [
    ...(await events(`${DAY}&orderby=time-asc&limit=100&offset=1`)),
    ...(await events(`${DAY}&orderby=time-asc&limit=100&offset=101`)),
    ...(await events(`${DAY}&orderby=time-asc&limit=100&offset=201`)),
    ...(await events(`${DAY}&orderby=time-asc&limit=100&offset=301`)),
  ]
  expect(paged.map((event) => event.id)).toEqual(ascending.map((event) => event.id))
  expect(ascending.toReversed()).toEqual(await events(`${DAY}&orderby=time`))
  expect((await ask(`format=geojson&${DAY}&limit=100&offset=302`)).status).toBe(204)
})

test('serveQuakes answers 204 without a body when nothing matches', async () => {
  const response = await ask('format=geojson&starttime=2018-03-01')
  expect(response.status).toBe(204)
  expect(await response.text()).toBe('')
})

test('serveQuakes cuts by minmagnitude', async () => {
  expect(await events('minmagnitude=4.5')).toHaveLength(85)
  expect(await events('minmagnitude=-10')).toHaveLength(1707)
})

test('serveQuakes counts', async () => {
  expect(await (await ask(`format=geojson&${DAY}`, 'count')).json()).toEqual({ count: 301, maxAllowed: 20_000 })
})

test.each([
  ['limit=20001&format=geojson', 'Bad limit value "20001". Valid values are 0 <= limit <= 20000'],
  ['offset=0&format=geojson', 'Bad offset value "0". Valid values are 1 <= offset'],
  ['limit=ten&format=geojson', 'Bad limit value "ten". Valid values are 0 <= limit <= 20000'],
  ['', 'Bad format value "". Valid values are: "geojson".'],
  ['format=csv', 'Bad format value "csv". Valid values are: "geojson".'],
  ['format=geojson&starttime=yesterday', 'Bad starttime value "yesterday". Valid values are ISO-8601 timestamps.'],
  ['format=geojson&endtime=2018-02-30T00:00:00X', 'Bad endtime value "2018-02-30T00:00:00X". Valid values are ISO-8601 timestamps.'],
  ['format=geojson&orderby=magnitude', 'Bad orderby value "magnitude". Valid values are: "time", "time-asc".'],
  ['format=geojson&limt=5', 'Unknown parameter "limt".'],
])('serveQuakes refuses "%s" in the words of the service', async (query, sentence) => {
  const response = await ask(query)
  expect(response.status).toBe(400)
  expect(response.headers.get('content-type')).toBe('text/plain')
  expect((await response.text()).split('\n\n').slice(0, 2)).toEqual(['Error 400: Bad Request', sentence])
})

test('serveQuakes knows no other path', async () => {
  expect((await fetch(`${server.url}/fdsnws/event/1/catalogs`)).status).toBe(404)
})

test('serveQuakes with a pageLimit refuses larger pages, and more matches than that without a limit', async () => {
  const small = await serveQuakes({ pageLimit: 100 })
  try {
    const ask = async (query: string) => (await fetch(`${small.url}/fdsnws/event/1/query?format=geojson${query}`)).text()
    expect(await ask('&limit=101')).toContain('Bad limit value "101". Valid values are 0 <= limit <= 100')
    expect(await ask('')).toContain('1707 matching events exceeds search limit of 100. Modify the search to match fewer events.')
    expect(JSON.parse(await ask('&limit=100'))).toMatchObject({ metadata: { count: 100, limit: 100, offset: 1 } })
  } finally {
    await small.close()
  }
})

test('serveQuakes says 500 when its file is not there', async () => {
  const broken = await serveQuakes({ file: '/nowhere/earthquakes.json' })
  try {
    expect((await fetch(`${broken.url}/fdsnws/event/1/query?format=geojson`)).status).toBe(500)
  } finally {
    await broken.close()
  }
})
