/** One table from one PostgreSQL to another, by way of the landing zone. */
import { pipeline, replace, source } from '#millrace'
import { LINEITEM } from '../../../lineitem.ts'

export default pipeline({
  name: 'land',
  schema: { lineitem: LINEITEM },
  extract: { lineitem: source('shop').table('lineitem', { forward: 'land' }) },
  load: { lineitem: replace('lineitem') },
})
