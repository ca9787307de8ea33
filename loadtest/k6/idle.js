/**
 * Visitors who connect, attach their conversation, and then only stay and ping.
 *
 * k6 run -e BASE_URL=http://127.0.0.1:6006 -e VUS=200 -e DURATION_S=15 -e PING_MS=5000 idle.js
 */

import { check } from 'k6'
import { Counter, Trend } from 'k6/metrics'
import { setInterval, setTimeout, clearInterval } from 'k6/timers'

import { Connection, DURATION_S, VUS, scenario, visit } from './visitor.js'

const PING_MS = Number(__ENV.PING_MS || 5000)

const attached = new Counter('kefu_attached')
const attachTime = new Trend('kefu_attach_time', true)
const pongTime = new Trend('kefu_pong_time', true)

export const options = {
  scenarios: { idle: scenario() },
  thresholds: {
    checks: ['rate==1'],
    kefu_errors: ['count==0'],
    kefu_attached: [`count==${VUS}`],
    kefu_attach_time: ['p(95)<5000'],
    kefu_pong_time: ['p(50)<500', 'p(99)<3000'],
  },
}

export default function () {
  const visitor = visit()
  if (!visitor) return
  const begun = Date.now()
  const pinged = new Map()
  let pings = 0
  let pongs = 0
  let isAttached = false

  const connection = new Connection(visitor, 'idle', (frame) => {
    if (frame.t === 'attached') {
      isAttached = frame.items.length === 1 && frame.items[0].recovered
      attached.add(1)
      attachTime.add(Date.now() - begun)
    }
    if (frame.t !== 'pong') return
    pongs += 1
    pongTime.add(Date.now() - pinged.get(frame.id))
  })
  const beat = setInterval(() => {
    pings += 1
    pinged.set(pings, Date.now())
    connection.say({ t: 'ping', id: pings })
  }, PING_MS)

  setTimeout(() => clearInterval(beat), DURATION_S * 1000)
  setTimeout(
    () => {
      check(null, {
        'the conversation was attached': () => isAttached,
        'every ping was answered': () => pings > 0 && pongs === pings,
        'the connection stayed': () => connection.open,
      })
      connection.close()
    },
    DURATION_S * 1000 + 2000,
  )
}
