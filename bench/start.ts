import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { median } from './measured.ts'

/** Whole processes, from spawn to exit. */
export interface StartFigures {
  readonly what: string
  readonly wallMs: number
  readonly cpuMs: number
  readonly targetMs: number | null
}
export async function measureStart(): Promise<readonly StartFigures[]> {
  return []
}
export function startTable(_: readonly StartFigures[]): string {
  return ''
}
void [spawnSync, mkdirSync, rmSync, writeFileSync, join, resolve, median]
