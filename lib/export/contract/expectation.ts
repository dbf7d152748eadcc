import type { Breach } from './breach.ts'
import type { Descriptor } from './descriptor.ts'
import type { StatedResource } from './descriptor-schema.ts'
import { fieldBreaches } from './expected-fields.ts'
import { fileBreaches } from './expected-file.ts'
import { orderBreaches } from './expected-order.ts'

/**
 * What of a consumer's expectations a contract does not keep. Only the fields that the consumer names count, and of them what the consumer says; what else it leaves out has Frictionless' default, as any reader of the standard
 * takes it (`,` between columns, UTF-8, the empty text for NULL), but for `fieldsMatch`, which is `subset` then, and line ends.
 *
 * @throws ConfigError for what no contract promises
 */
export function breachesOf(stated: StatedResource, candidate: Descriptor): readonly Breach[] {
  return [...fieldBreaches(stated, candidate), ...orderBreaches(stated, candidate), ...fileBreaches(stated, candidate)]
}
