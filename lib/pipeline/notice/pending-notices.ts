import { markedPointers } from '../../export/notice/outbox.ts'
import { untold } from '../../export/notice/pending.ts'
import { pointerLayout } from '../../export/pointer-layout.ts'
import type { PendingNotice } from '../report.ts'
import type { Session } from '../run/session.ts'
import { receiversOf } from './notices.ts'

/** Of which deliveries whom a pipeline names has not been told; of these folders alone where they are given. Looks at the store alone, and not even there where no export notifies. */
export async function pendingNotices(
  { pipeline, exports }: Pick<Session, 'pipeline' | 'exports'>,
  folders?: readonly string[],
): Promise<readonly PendingNotice[]> {
  if (!pipeline.targets.some((target) => target.stage === 'export' && target.export.notify.length > 0)) return []
  const pending: PendingNotice[] = []
  for (const { announced } of await markedPointers(exports, pipeline.definition.name, folders))
    for (const receiver of receiversOf(pipeline, announced)) {
      const { told, latest } = await untold(exports, pointerLayout(announced.folder), receiver)
      if (latest && told < latest.switch) pending.push({ receiver, delivery: announced.folder, from: told + 1, to: latest.switch })
    }
  return pending
}
