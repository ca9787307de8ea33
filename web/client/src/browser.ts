import { Api } from './api.ts'
import { KefuClient } from './client.ts'
import { systemClock, webStore } from './environment.ts'
import type { User } from './generated/frames.ts'
import { browserLocks } from './outbox/browser-locks.ts'
import { acquireDevice, keepDevice } from './outbox/device.ts'
import { sseTransport } from './transport/sse.ts'
import { webSocketTransport, type SocketConstructor } from './transport/websocket.ts'

type Token = () => string | undefined

/** The API of the origin that this page came from. */
export function browserApi(token: Token): Api {
  return new Api({ baseUrl: '', token, fetch: (input, init) => fetch(input, init) })
}

/** A client with the browser's own sockets, storage and clock, for the origin that this page came from. */
export async function browserClient(user: User, token: Token, api: Api): Promise<KefuClient> {
  const tab = webStore(() => sessionStorage)
  const shared = webStore(() => localStorage)
  const locks = browserLocks(shared, systemClock)
  const device = await acquireDevice(user, { tab, shared, locks })
  const client = new KefuClient({
    user,
    device,
    token,
    api,
    store: shared,
    clock: systemClock,
    random: Math.random,
    transports: {
      websocket: webSocketTransport(socketUrl(), WebSocket as SocketConstructor),
      sse: sseTransport({ baseUrl: '', token, fetch: (input, init) => fetch(input, init) }),
    },
    newDevice(fresh) {
      keepDevice(user, fresh, tab)
      void locks.hold(fresh)
    },
  })
  addEventListener('online', () => client.connection.hurry())
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') client.connection.hurry()
  })
  return client
}

function socketUrl(): string {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/ws`
}
