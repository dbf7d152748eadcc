/** An answer that is an error, in the form of Google's JSON API. */
export class Problem extends Error {
  readonly status: number
  readonly reason: string
  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
  body(): object {
    const { status: code, message, reason } = this
    return { error: { code, message, errors: [{ message, domain: 'global', reason }] } }
  }
}

export const noBucket = () => new Problem(404, 'notFound', 'The specified bucket does not exist.')
export const noObject = (bucket: string, name: string) => new Problem(404, 'notFound', `No such object: ${bucket}/${name}`)
export const invalid = (message: string) => new Problem(400, 'invalid', message)
export const conditionNotMet = () => new Problem(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.')
