import type { Client } from 'pg'

/** The rows of a small query, each value as the server's text. */
export async function valuesOf(
  client: Client,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly (readonly (string | null)[])[]> {
  const types = { getTypeParser: () => (value: string) => value }
  const { rows } = await client.query({ text, rowMode: 'array', types, ...(values.length > 0 && { values: [...values] }) })
  return rows as (string | null)[][]
}
