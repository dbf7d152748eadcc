import { createRequire } from 'node:module'

/** An expression as the vendor's functions take it, and what it wraps. */
type Expression = object & { readonly _expr: object }
type MakeExpression = (native: object) => Expression
type Method = (this: Expression, ...args: unknown[]) => unknown

/**
 * Makes Polars' expressions cheap: nodejs-polars 0.26.1 builds each as an object with 161 members of its own, accessors among them, for which V8 makes as many hidden classes: 0.5 to 0.9 ms, 25 ms for the 27 expressions of a small frame. From
 * now on they share a prototype, whose methods are the vendor's of one expression that stands for whichever is called. Does nothing a second time, or to a function that is not as expected.
 */
export function shareExpressionMembers(): void {
  const module = createRequire(import.meta.url)('nodejs-polars/bin/lazy/expr') as { _Expr?: MakeExpression; Expr?: unknown }
  const make = module._Expr
  // What was replaced is not the vendor's class any more.
  if (typeof make !== 'function' || make !== module.Expr) return
  let current: object | undefined
  const stand = new Proxy(Object.create(null), {
    get: (_, name) => {
      const own: unknown = current && Reflect.get(current, name)
      return typeof own === 'function' ? own.bind(current) : own
    },
  })
  const vendors = make(stand)
  const shared: object = {}
  for (const name of Reflect.ownKeys(vendors)) {
    const { get, value } = Object.getOwnPropertyDescriptor(vendors, name) ?? {}
    if (name === '_expr') continue
    // These and what they give keep what they wrap: each has an expression of the vendor's.
    if (get || name === 'inner') Object.defineProperty(shared, name, { get: memberOf(make, name) })
    else if (typeof value === 'function') Object.defineProperty(shared, name, { get: standingFor(value) })
    else return
  }
  module._Expr = (native) => Object.defineProperty(Object.create(shared), '_expr', { value: native, enumerable: true }) as Expression

  /** As the vendor's, a method may be taken off its expression. */
  function standingFor(method: Method): (this: Expression) => Method {
    return function () {
      return (...args) => {
        const outer = current
        current = this._expr
        try {
          return method.apply(this, args)
        } finally {
          current = outer
        }
      }
    }
  }
}

function memberOf(make: MakeExpression, name: PropertyKey): (this: Expression) => unknown {
  return function () {
    return name === 'inner' ? () => this._expr : Reflect.get(make(this._expr), name)
  }
}
