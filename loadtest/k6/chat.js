/**
 * Visitors send texts, a second device of each receives them.
 *
 * k6 run -e BASE_URL=http://127.0.0.1:6006 -e VUS=10 -e DURATION_S=15 -e EVERY_MS=100 chat.js
 */

import { check } from 'k6'
import { Counter, Trend } from 'k6/metrics'
import { clearInterval, setInterval, setTimeout } from 'k6/timers'

import { Connection, DURATION_S, LINGER_S, VUS, scenario, visit } from './visitor.js'

const EVERY_MS = Number(__ENV.EVERY_MS || 100)
const TEXT = 'x'.repeat(200)

const acked = new Counter('kefu_acked')
const delivered = new Counter('kefu_delivered')
const ackTime = new Trend('kefu_ack_time', true)
const deliveryTime = new Trend('kefu_delivery_time', true)

export const options = {
  scenarios: { chat: scenario() },
  thresholds: {
    checks: ['rate==1'],
    kefu_errors: ['count==0'],
    // Every virtual user sends: a run in which little was said does not pass.
    kefu_acked: [`count>=${VUS}`],
    kefu_delivered: [`count>=${VUS}`],
    kefu_ack_time: ['p(50)<500', 'p(99)<3000'],
    kefu_delivery_time: ['p(50)<500', 'p(99)<3000'],
  },
}

export default function () {
  const visitor = visit()
  if (!visitor) return
  const conversation = visitor.support_conversation
  const sentAt = new Map()
  const texts = []
  let sent = 0
  let answered = 0
  let ready = 0
  let timer

  const begin = () => {
    timer = setInterval(() => {
      sent += 1
      sentAt.set(sent, Date.now())
      const content = { type: 'text', text: `${sent} ${TEXT}` }
      sender.say({ t: 'command', conversation, n: sent, body: { type: 'message', content } })
    }, EVERY_MS)
    setTimeout(() => clearInterval(timer), DURATION_S * 1000)
    setTimeout(settle, DURATION_S * 1000)
  }

  const sender = new Connection(visitor, 'sender', (frame) => {
    if (frame.t === 'attached' && ++ready === 2) begin()
    if (frame.t !== 'ack') return
    answered += 1
    acked.add(1)
    ackTime.add(Date.now() - sentAt.get(frame.n))
  })
  const receiver = new Connection(visitor, 'receiver', (frame) => {
    if (frame.t === 'attached' && ++ready === 2) begin()
    if (frame.t !== 'deliver') return
    for (const event of frame.events) {
      if (event.type !== 'message') continue
      const n = Number(event.content.text.split(' ')[0])
      texts.push(n)
      delivered.add(1)
      deliveryTime.add(Date.now() - sentAt.get(n))
    }
  })

  /** Waits for what is under way, looks at what came, and ends. */
  function settle(waitedMs = 0) {
    const done = answered === sent && texts.length >= sent
    if (!done && waitedMs < LINGER_S * 1000) return setTimeout(() => settle(waitedMs + 100), 100)
    check(null, {
      'everything was acked': () => sent > 0 && answered === sent,
      'everything was delivered once, in order': () =>
        texts.length === sent && texts.every((n, index) => n === index + 1),
      'both devices stayed connected': () => sender.open && receiver.open,
    })
    sender.close()
    receiver.close()
  }

  // Whoever cannot begin fails the check and ends all the same.
  setTimeout(() => ready < 2 && settle(LINGER_S * 1000), LINGER_S * 1000)
}
