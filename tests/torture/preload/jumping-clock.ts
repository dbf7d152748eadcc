// The machine's clock is set forth and back while a process runs, by up to an hour: what Date says jumps every few milliseconds, what only grows (performance.now) does not.

const JUMPS_MS = [0, 3_600_000, -3_600_000, 61_000, -1_000]
const EVERY_MS = 7
const RealDate = Date
const begun = performance.now()
const now = () => RealDate.now() + (JUMPS_MS[Math.floor((performance.now() - begun) / EVERY_MS) % JUMPS_MS.length] ?? 0)

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args) => Reflect.construct(target, args.length === 0 ? [now()] : args),
  apply: () => new RealDate(now()).toString(),
  get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
})
