/** What the numbers of docs/protocol.md ask of a client. */

export const EXPECTED_N = 1001
export const N_CONFLICT = 1002
export const ANSWER_NOT_KEPT = 1003
export const TOO_MANY_UNANSWERED = 1004
export const NOT_A_MEMBER = 1101
export const NO_SUCH_CONVERSATION = 1201
export const WRONG_PASSWORD = 2008
export const CREDENTIAL_INVALID = 4201
export const ORIGIN_NOT_ALLOWED = 4306

export type CloseAction = 'reconnect' | 'later' | 'login' | 'give-up'

/** Codes below 4000 are the WebSocket's own (1001 going away, 1006 cut): always worth another try. */
export function closeAction(code: number | undefined): CloseAction {
  if (code === undefined || code < 4100 || code > 4399) return 'reconnect'
  if (code < 4200) return 'later'
  return code < 4300 ? 'login' : 'give-up'
}
