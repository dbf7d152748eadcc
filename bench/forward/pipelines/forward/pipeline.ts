/** One table from one PostgreSQL to another. */
import { pipeline, replace, source } from '#millrace'
import { schema } from './schema.ts'

export default pipeline({
  name: 'forward',
  schema,
  extract: { lineitem: source('shop').table('lineitem', { forward: true }) },
  load: { lineitem: replace('lineitem') },
})
