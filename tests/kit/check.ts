import type { CheckContext } from '../../lib/connectors/check.ts'
import { systemClock } from '../../lib/core/clock.ts'
import { NO_EXTENSIONS } from '../../lib/engines/extensions.ts'
import { testContext } from './context.ts'

/** What `millrace doctor` gives a check: the machine's clock, no requests, no tables. Call it inside a test. */
export function checkContext(role: CheckContext['role'], more: Partial<CheckContext> = {}): CheckContext {
  return { ...testContext({ clock: systemClock }), role, extensions: NO_EXTENSIONS, requests: [], tables: [], ...more }
}
