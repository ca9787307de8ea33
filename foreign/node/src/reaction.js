/** What a client does about a number: the ranges of docs/protocol.md, and how long it waits. */

const FIRST_DELAY_MS = 300
const LONGEST_DELAY_MS = 30_000

/** For a close, a fatal error or a refused handshake; `undefined` is a connection that just broke. */
export function reactionTo(code) {
  if (code >= 4100 && code <= 4199) return 'elsewhere'
  if (code >= 4200 && code <= 4299) return 'log in'
  if (code >= 4300 && code <= 4399) return 'give up'
  // 4000 to 4099, the codes of WebSockets themselves (1001, 1006), and what is not known.
  return 'reconnect'
}

/** Whether a refusal only means "not now". */
export function isRetryable(code) {
  return code >= 1400 && code <= 1499
}

/** How long to wait after some failed attempts: exponential, and never two clients alike. */
export function delayMs(attempts) {
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempts, 10))
  return longest * (0.5 + Math.random() / 2)
}
