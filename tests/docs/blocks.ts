/** A fenced block of a Markdown text. */
export interface Block {
  readonly language: string
  /** What follows the language in the fence's line. */
  readonly info: string
  readonly text: string
  /** 1-based line of the fence. */
  readonly line: number
}

/** A command of a shell block, and what the block says that it prints. */
export interface Told {
  readonly command: string
  readonly output: string
  /** From a last line `exit 3`; else 0. */
  readonly exit: number
}

/** The fenced blocks of a Markdown text in order. @throws Error for one that does not end */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  let open: (Omit<Block, 'text'> & { readonly lines: string[] }) | undefined
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^```(\S*)\s*(.*)$/.exec(line)
    if (open && fence) {
      const { lines, ...block } = open
      blocks.push({ ...block, text: lines.map((each) => `${each}\n`).join('') })
      open = undefined
    } else if (fence) open = { language: fence[1] ?? '', info: fence[2] ?? '', lines: [], line: index + 1 }
    else open?.lines.push(line)
  }
  if (open) throw new Error(`the block of line ${open.line} does not end`)
  return blocks
}

/** The commands of a shell block: each begins with `$ `; what follows is its output. */
export function commandsOf(text: string): Told[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...rest] = part.trimEnd().split('\n')
      const exit = /^exit (\d+)$/.exec(rest.at(-1) ?? '')
      return { command, output: (exit ? rest.slice(0, -1) : rest).join('\n'), exit: Number(exit?.[1] ?? 0) }
    })
}

/**
 * Whether an output is the one told. `…` in a line stands for any text, a line of `…` alone for any lines. Free to vary: durations, times of day (ISO 8601), run ids, hashes in names of objects, memory and sizes, the project's folder, and how
 * wide columns are. Everything else must be equal.
 */
export function isTold(told: string, given: string, folder: string): boolean {
  const pattern = settled(told, folder)
    .split('\n')
    .map((line) => (line === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(escaped).join('.*')}\\n`))
    .join('')
  return new RegExp(`^${pattern}$`).test(`${settled(given, folder)}\n`)
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

function settled(text: string, folder: string): string {
  return text
    .trimEnd()
    .replaceAll(folder, '/home/me/shop')
    .replace(/\b\d{8}T\d{9}-[0-9a-f]{6}\b/g, '<run>')
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<time>')
    .replace(/\b[\d,.]+ (?:ms|s|min)\b/g, '<duration>')
    .replace(/\b[0-9a-f]{12}-[0-9a-f]{8}\b/g, '<object>')
    .replace(/\b[\d,.]+ (?:B|kB|MB|GB)\b/g, '<size>')
    .replace(/─+/g, '─')
    .replace(/ +/g, ' ')
    .replace(/ $/gm, '')
}
