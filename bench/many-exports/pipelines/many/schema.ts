// written by `millrace plan many`; commit it
export const schema = {
  small: {
    id: 'int64',
    name: 'text',
    day: 'date',
  },
} as const
