import type { Notice } from '../notifier.ts'

/** The body of a notice's request. The same notice gives the same bytes. */
export function bodyOf(notice: Notice, format: 'plain' | 'pubsub', name: string): string {
  return format === 'plain' ? notice.body : pushed(notice, name)
}

/** As Pub/Sub pushes a message to a subscriber, wrapped (cloud.google.com/pubsub/docs/push, PubsubMessage): it writes id and time under two names each. */
function pushed({ id, at, body, attributes }: Notice, name: string): string {
  return JSON.stringify({
    message: {
      data: Buffer.from(body).toString('base64'),
      attributes,
      ...{ messageId: id, message_id: id, publishTime: at, publish_time: at },
    },
    subscription: `projects/millrace/subscriptions/${name}`,
  })
}
