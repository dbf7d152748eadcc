import { extensionsFolder } from '../../lib/config/load.ts'
import { extensionsIn } from '../../lib/engines/extensions.ts'
import { CHECKOUT } from './project.ts'

/** The extensions that set-up has put into this checkout, or where MILLRACE_EXTENSIONS says. */
export const extensionsHere = extensionsIn(extensionsFolder(CHECKOUT))
