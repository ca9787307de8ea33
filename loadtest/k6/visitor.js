/** A visitor for k6: a token by REST, then frames over a WebSocket (docs/protocol.md). */

import { check } from 'k6'
import http from 'k6/http'
import { Counter } from 'k6/metrics'

import { WebSocket } from './websocket.js'

export const BASE_URL = (__ENV.BASE_URL || 'http://127.0.0.1:6006').replace(/\/$/, '')
export const VUS = Number(__ENV.VUS || 10)
export const DURATION_S = Number(__ENV.DURATION_S || 15)
/** How long a run may go on after its duration, for what is still under way. */
export const LINGER_S = 10

/** Connections that broke, fatal errors and refusals. */
export const errors = new Counter('kefu_errors')

/** One iteration per virtual user, which lasts as long as its sockets are open. */
export function scenario() {
  return {
    executor: 'per-vu-iterations',
    vus: VUS,
    iterations: 1,
    maxDuration: `${DURATION_S + 2 * LINGER_S}s`,
    gracefulStop: '0s',
  }
}

/** `{visitor_token, support_conversation, …}` of a new visitor, or undefined. */
export function visit() {
  const headers = { 'Content-Type': 'application/json' }
  const answer = http.post(`${BASE_URL}/api/kehu/session`, '{}', { headers })
  const ok = check(answer, { 'a visitor gets a token': (got) => got.status === 200 })
  if (!ok) return fail(`no token: HTTP ${answer.status}`)
  return answer.json()
}

/** Counts something that must not happen, and says what. */
export function fail(what) {
  errors.add(1)
  console.error(what)
}

/** Opens a socket, says hello and attaches the support conversation; `heard(frame)` gets every frame. */
export class Connection {
  constructor(visitor, device, heard) {
    this.open = true
    this.socket = new WebSocket(`${BASE_URL.replace(/^http/, 'ws')}/ws`, ['kefu.v1.json'])
    this.socket.onopen = () => {
      this.say({ t: 'hello', v: 1, token: visitor.visitor_token, device, client: 'k6/1', batch: true })
    }
    this.socket.onmessage = (event) => {
      for (const frame of [JSON.parse(event.data)].flat()) {
        if (frame.t === 'welcome') {
          this.say({
            t: 'attach',
            id: 1,
            items: [{ conversation: visitor.support_conversation, epoch: 1, rev: 0 }],
          })
        }
        if (frame.t === 'error' || frame.t === 'rejected') fail(`${frame.t} ${frame.code} ${frame.title}`)
        heard(frame)
      }
    }
    this.socket.onerror = (event) => this.open && fail(`the socket failed: ${event.error}`)
    this.socket.onclose = (event) => {
      if (this.open) fail(`the socket was closed with ${event.code}`)
      this.open = false
    }
  }

  say(frame) {
    this.socket.send(JSON.stringify(frame))
  }

  close() {
    this.open = false
    this.socket.close()
  }
}
