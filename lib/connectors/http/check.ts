import { messageOf, PermanentError, TransientError } from '../../core/errors.ts'
import { clockFinding, type Finding, fault, fine, warning } from '../../core/finding.ts'
import type { CheckContext } from '../check.ts'
import { client } from './client.ts'
import type { HttpOptions } from './options.ts'

/** `SourceConnection.check` of a service: one GET of the base URL, with the connection's credentials, which go to its origin only. */
export async function checkService(options: HttpOptions, ctx: CheckContext): Promise<readonly Finding[]> {
  const pages = client(options)
  const started = await options.start?.().catch((error: unknown) => {
    throw new TransientError(`the service of this connection did not start: ${messageOf(error)}`, { cause: error })
  })
  const base = new URL(started?.url ?? options.baseUrl ?? '')
  try {
    const { status, statusText, headers } = await pages.probe(ctx, base)
    const answer = `${pages.shown(base)} answers ${status}${statusText === '' ? '' : ` ${statusText}`}`
    const date = new Date(headers.get('date') ?? Number.NaN)
    const clock = Number.isNaN(date.getTime()) ? [] : [clockFinding(base.host, date, ctx.clock.now(), 1000)]
    return [answerFinding(status, answer, pages.credentials), ...clock]
  } catch (error) {
    // A token endpoint that refuses us: nothing that time heals.
    if (error instanceof PermanentError && /was answered 40[0-3]/.test(error.message))
      return [fault('answers', error, { kind: 'configuration' })]
    if (error instanceof TransientError && error.hint === undefined)
      return [fault('answers', error, { advice: 'check the base URL, the network and the service' })]
    return [fault('answers', error)]
  } finally {
    await started?.close()
  }
}

function answerFinding(status: number, answer: string, credentials: string): Finding {
  if (status === 401 || status === 403)
    return fault('answers', answer, { advice: `check the credentials of this connection (${credentials})`, kind: 'configuration' })
  if (status >= 500 || status === 429) return warning('answers', answer, 'the service is there, and in trouble: look again later')
  return fine('answers', status === 404 ? `${answer}, which says only that it is there` : answer)
}
