/** How the message of a delivery that was held begins. */
export const HELD = 'held, since it differs too much from the last delivery'

/** Whether an error's message, as the ledger has kept it, is that of a delivery that was held. */
export function isHeldMessage(message: string | undefined): boolean {
  return message?.startsWith(HELD) ?? false
}
