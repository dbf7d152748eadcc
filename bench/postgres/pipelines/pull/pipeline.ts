/** A table of PostgreSQL into the landing zone. */
import { pipeline, source } from '#millrace'
import { LINEITEM } from '../../../lineitem.ts'

export default pipeline({
  name: 'pull',
  schema: { lineitem: LINEITEM },
  extract: { lineitem: source('shop').table('lineitem') },
})
