const GROUP_SIGNALS: readonly string[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Whether a process that ended by this had done nothing yet. A terminal, or a machine that stops, sends these signals to all processes at once; our children do nothing at them from their first line on, so they end one only while Node is starting. `how` is a signal's name, or another end. */
export function endedAtStart(how: string | null): boolean {
  return how !== null && GROUP_SIGNALS.includes(how)
}
