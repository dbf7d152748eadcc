import { landElsewhere } from '../kit/landing.ts'

// What holds of a landing zone on this machine's disk holds of one elsewhere, whose files are kept here as long as there is room: the same tests.

landElsewhere()
await import('../land/cursor.test.ts')
await import('../land/endless-cursor.test.ts')
await import('../land/state-model.test.ts')
await import('../land/compact.test.ts')
