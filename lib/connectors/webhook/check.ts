import { type Finding, fault, fine } from '../../core/finding.ts'
import type { CheckContext } from '../check.ts'
import { post } from './post.ts'
import type { Receiver } from './send.ts'

/** Whether the receiver's server answers, to a HEAD of its address without signature or headers: any answer will do, and none is a notice. */
export async function checkReceiver(to: Receiver, { signal }: CheckContext): Promise<readonly Finding[]> {
  const { url, timeoutMs, tls } = to
  try {
    const { status } = await post({ method: 'HEAD', url, headers: {}, body: '', timeoutMs, tls, signal, receiver: url.origin })
    return [fine('answers', `${url.origin} answers ${status} to HEAD, which says only that it is there; no notice was sent`)]
  } catch (error) {
    return [fault('answers', error)]
  }
}
