import type { RunContext } from '../core/context.ts'
import type { Landed, LandRequest, LandTools } from './request.ts'

/** */
export async function land(_request: LandRequest, _tools: LandTools, _ctx: RunContext): Promise<Landed> {
  throw new Error('not built yet')
}
