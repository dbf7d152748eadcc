/** One table, read from one PostgreSQL and loaded into another, while something goes wrong. */
import { pipeline, replace, source } from '#millrace'

export default pipeline({
  name: 'faults',
  schema: { rows: { id: 'int64', value: 'text' } },
  extract: { rows: source('shop').table('rows') },
  load: { rows: replace('rows') },
})
