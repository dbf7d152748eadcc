import { registerHooks } from 'node:module'

// Imported by Node before millrace: the first export's producer dies when half of its bytes are in the FIFO. TORTURE_FIFO says who reads them: `real`, or the broken twin `end-of-file`, which proves nothing either.

const instead: Readonly<Record<string, string>> = {
  './write/write-csv.ts': './write-dying.ts',
  ...(process.env.TORTURE_FIFO !== 'real' && { './prove/prove.ts': './no-proof.ts' }),
}

registerHooks({
  resolve: (specifier, context, next) => {
    const other = context.parentURL?.endsWith('/lib/export/deliver-files.ts') ? instead[specifier] : undefined
    return other === undefined ? next(specifier, context) : next(new URL(other, import.meta.url).href, context)
  },
})
