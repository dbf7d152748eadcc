/** One table from one PostgreSQL to another. */
import { pipeline, replace, source } from '#millrace'
import { LINEITEM } from '../../../lineitem.ts'

export default pipeline({
  name: 'forward',
  schema: { lineitem: LINEITEM },
  extract: { lineitem: source('shop').table('lineitem', { forward: true }) },
  load: { lineitem: replace('lineitem') },
})
