import type { Socket } from 'node:net'

/** Keeps the two sockets of a proxy's connection among `sockets` while they live, and lets neither outlive the other, unless `apart` says that nobody is to be told. Their errors are the proxy's own doing. */
export function joined(client: Socket, upstream: Socket, sockets: Set<Socket>, apart: () => boolean = () => false): void {
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    sockets.add(socket)
    socket
      .on('error', () => undefined)
      .on('close', () => {
        sockets.delete(socket)
        if (!apart()) other.destroy()
      })
  }
}
