import { elapsedMs } from '../../core/clock.ts'
import type { RunContext } from '../../core/context.ts'
import { ConnectionLost } from './faults.ts'
import type { Snapshot } from './snapshot.ts'

/** How long silence is borne. */
export interface Patience {
  /** Silence after which the server is asked whether it is at work. */
  readonly silenceMs: number
  /** How long it may take to answer. */
  readonly answerMs: number
}

export interface Watched {
  readonly doing: string
  readonly application: string
  readonly snapshot: Pick<Snapshot, 'activity' | 'lost'>
  /** Since when we have been waiting for the server, on the context's clock for durations; undefined while it is not its turn. */
  silentSinceMs(): number | undefined
  /** Where another process takes the bytes, which may be at work with them for long: its CPU time so far, in milliseconds. Absent: what the server has sent must have reached us, so it cannot be waiting for us. */
  readonly takerCpuMs?: () => Promise<number | undefined>
}

/** Of a taker that waits; a process that does nothing takes less. */
const IDLE_SHARE = 0.02

/**
 * Looks after sessions that say nothing: a half-open connection is silent for ever, a long sort for a while. The control session is asked: when it gets no answer, or the sessions have twice not been known any more,
 * or have twice had nothing to do but wait for us, while who takes their bytes did nothing either, `lost` is called once.
 */
export function watchSilence(
  watched: Watched,
  ctx: Pick<RunContext, 'clock'>,
  patience: Patience,
  lost: (error: ConnectionLost) => void,
): { stop(): void } {
  const { doing, application, snapshot } = watched
  let [asking, stopped, suspicions, askedMs] = [false, false, 0, 0]
  let taken = usage()
  const timer = setInterval(() => void look(), Math.min(1000, patience.silenceMs / 2))
  timer.unref()

  async function look(): Promise<void> {
    const since = watched.silentSinceMs()
    const now = elapsedMs(ctx.clock)
    if (since === undefined || askedMs < since) suspicions = 0
    if (asking || since === undefined || now - Math.max(since, askedMs) < patience.silenceMs) return
    asking = true
    const idle = await takerIdle()
    const found = snapshot.lost() ? undefined : await snapshot.activity(application, patience.answerMs)
    asking = false
    askedMs = elapsedMs(ctx.clock)
    if (stopped || watched.silentSinceMs() !== since) return
    if (found === undefined) return give('the server does not answer any more')
    // At work is what is active and does not itself wait for us.
    const sent = idle && found.every(({ state, waiting }) => state !== 'active' || waiting === 'ClientWrite')
    suspicions = found.length === 0 || sent ? suspicions + 1 : 0
    if (suspicions >= 2)
      give(found.length === 0 ? 'the server does not know the session any more' : 'what the server sends does not arrive')
  }

  async function usage() {
    return { atMs: elapsedMs(ctx.clock), cpuMs: await watched.takerCpuMs?.() }
  }

  /** Whether nobody was at work with bytes since this was asked last. */
  async function takerIdle(): Promise<boolean> {
    const [before, now] = [await taken, await usage()]
    taken = Promise.resolve(now)
    if (!watched.takerCpuMs) return true
    if (before.cpuMs === undefined || now.cpuMs === undefined) return false
    return now.cpuMs - before.cpuMs < IDLE_SHARE * (now.atMs - before.atMs)
  }

  function give(reason: string): void {
    stop()
    lost(new ConnectionLost(`${doing} failed: ${reason}`, { hint: 'look at the network and the firewalls between; run again' }))
  }

  function stop(): void {
    stopped = true
    clearInterval(timer)
  }
  return { stop }
}
