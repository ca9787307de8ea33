import type { ConnectionState } from '@kefu/client'
import { el, setText } from './dom.ts'
import type { TextKey } from './en.ts'
import { t } from './i18n.ts'

const texts: Record<ConnectionState['status'], TextKey> = {
  idle: 'connIdle',
  connecting: 'connConnecting',
  online: 'connOnline',
  waiting: 'connWaiting',
  stopped: 'connStopped',
}

/** Says whether there is a connection. Which transport carries it is in `data-transport`, for whoever debugs a network. */
export function connectionBadge(): { element: HTMLElement; update: (state: ConnectionState) => void } {
  const element = el('span', {
    class: 'connection',
    attrs: { role: 'status', 'aria-label': t('connection') },
  })
  return {
    element,
    update(state) {
      setText(element, t(texts[state.status]))
      element.dataset['state'] = state.status
      element.dataset['transport'] = state.status === 'online' ? state.transport : ''
    },
  }
}
