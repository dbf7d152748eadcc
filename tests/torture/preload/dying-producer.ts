import { registerHooks } from 'node:module'

// Imported by Node before millrace: the first export's producer dies when half of its bytes are in the FIFO. TORTURE_FIFO says who reads them: `real`, or the broken twin `end-of-file`.

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === './write-csv.ts' && context.parentURL?.endsWith('/lib/export/deliver-file.ts')
      ? next(new URL('./write-dying.ts', import.meta.url).href, context)
      : next(specifier, context),
})
