import type { AnyCommand } from './command.ts'

/** All commands by name, in the order of the help. Each one's module is imported when it is called for: a start costs one, the help all. */
export const commands: Readonly<Record<string, () => Promise<AnyCommand>>> = {
  list: async () => (await import('./list.ts')).list,
  plan: async () => (await import('./plan.ts')).plan,
  run: async () => (await import('./run.ts')).run,
  due: async () => (await import('./due.ts')).due,
  backfill: async () => (await import('./backfill.ts')).backfill,
  status: async () => (await import('./status.ts')).status,
  show: async () => (await import('./show.ts')).show,
  certify: async () => (await import('./certify.ts')).certify,
  exp: async () => (await import('./exp.ts')).exp,
  init: async () => (await import('./init.ts')).init,
  ledger: async () => (await import('./ledger.ts')).ledger,
  prune: async () => (await import('./prune.ts')).prune,
  deliver: async () => (await import('./deliver.ts')).deliver,
  contract: async () => (await import('./contract.ts')).contract,
  verify: async () => (await import('./verify.ts')).verify,
  doctor: async () => (await import('./doctor.ts')).doctor,
  setup: async () => (await import('./setup.ts')).setup,
  config: async () => (await import('./config.ts')).config,
}
