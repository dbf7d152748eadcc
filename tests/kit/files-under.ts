import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { TestProject } from './project.ts'

/** Files below a folder of the project, sorted; none where there is no folder. */
export function filesUnder(project: TestProject, ...parts: readonly string[]): string[] {
  const folder = project.path(...parts)
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}
