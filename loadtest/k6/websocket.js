/** The WebSocket of `k6/websockets`, which older releases of k6 have under its earlier name. */

export const { WebSocket } = find()

function find() {
  try {
    return require('k6/websockets')
  } catch {
    return require('k6/experimental/websockets')
  }
}
