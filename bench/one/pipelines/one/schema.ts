// written by `millrace plan one`; commit it
export const schema = {
  row: {
    id: 'int64',
    name: 'text',
    at: 'timestamptz',
  },
} as const
