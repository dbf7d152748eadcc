/** Of characters that are one cell and one grapheme each, as nearly all of what is printed: telling others apart loads ICU's data, 15 ms of a start. */
const PLAIN = /^[\x20-\x7e\u00a0-\u00ac\u00ae-\u024f\u2010-\u2027\u2190-\u21ff\u2500-\u257f]*$/

/** How many terminal cells a text takes: East Asian wide characters and emoji two, combining marks and control characters none. An approximation of Unicode's UAX #11. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const segment of graphemesOf(text)) width += clusterWidth(segment)
  return width
}

let segmenter: Intl.Segmenter | undefined

/** Made at first use: a start should not pay for it. */
function graphemesOf(text: string): Iterable<string> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  return Iterator.from(segmenter.segment(text)).map(({ segment }) => segment)
}

const WIDE =
  /^[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]/u

function clusterWidth(cluster: string): number {
  if (/^[\p{Control}\p{Mark}\p{Format}]+$/u.test(cluster)) return 0
  return WIDE.test(cluster) || /^\p{Emoji_Presentation}/u.test(cluster) || (/\ufe0f/.test(cluster) && /^\p{Emoji}/u.test(cluster)) ? 2 : 1
}

/** Cuts a text to at most `width` cells, ending in … where something was cut. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  if (PLAIN.test(text)) return `${text.slice(0, Math.max(0, width - 1))}…`
  let cut = ''
  let used = 1
  for (const segment of graphemesOf(text)) {
    used += clusterWidth(segment)
    if (used > width) break
    cut += segment
  }
  return `${cut}…`
}

/** Fills a text with spaces to `width` cells. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'right' ? space + text : text + space
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** The text with control and direction characters as escapes, so that data can neither break a line nor steer the terminal. */
export function visible(text: string): string {
  return text.replace(
    /[\p{Control}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (char) => ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
