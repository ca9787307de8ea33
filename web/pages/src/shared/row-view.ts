import { el } from './dom.ts'
import type { TextKey } from './en.ts'
import { t } from './i18n.ts'
import type { MessageRow, Row, Status } from './rows.ts'

export interface RowActions {
  retry: (id: string) => void
  discard: (id: string) => void
}

export function rowView(row: Row, actions: RowActions): HTMLElement {
  if (row.kind === 'message') return messageView(row, actions)
  return el('div', { class: row.kind }, [el('span', { text: row.text })])
}

function messageView(row: MessageRow, actions: RowActions): HTMLElement {
  const states = {
    mine: row.mine,
    note: row.note,
    recalled: row.recalled,
    'failed-row': row.failed !== undefined,
  }
  const classes = Object.entries(states).flatMap(([name, on]) => (on ? [name] : []))
  return el('article', { class: ['bubble-row', ...classes].join(' ') }, [
    el('div', { class: 'author', text: row.author }),
    row.note ? el('div', { class: 'note-tag', text: t('privateNote') }) : undefined,
    bubble(row),
    footer(row, actions),
  ])
}

function bubble({ text, card }: MessageRow): HTMLElement {
  if (card === undefined) return el('div', { class: 'bubble', text })
  const fields = card.fields.flatMap(({ name, value }) => [
    el('dt', { text: name }),
    el('dd', { text: value }),
  ])
  return el('div', { class: 'bubble card' }, [
    el('strong', { text: card.title }),
    text === '' ? undefined : el('div', { text }),
    fields.length === 0 ? undefined : el('dl', {}, fields),
  ])
}

function footer(row: MessageRow, actions: RowActions): HTMLElement {
  return el('div', { class: 'meta' }, [
    el('time', { text: row.time }),
    row.edited ? el('span', { text: t('edited') }) : undefined,
    row.status === undefined ? undefined : statusView(row.status),
    ...failureViews(row, actions),
  ])
}

const statusTexts: Record<Status, TextKey> = {
  pending: 'statusPending',
  failed: 'statusFailed',
  sent: 'statusSent',
  delivered: 'statusDelivered',
  read: 'statusRead',
}

function statusView(status: Status): HTMLElement {
  return el('span', { class: `status ${status}`, text: t(statusTexts[status]) })
}

function failureViews(row: MessageRow, actions: RowActions): HTMLElement[] {
  if (row.failed === undefined) return []
  const { id, reason } = row.failed
  return [
    el('span', { class: 'reason', text: reason }),
    el('button', {
      class: 'link',
      text: t('retry'),
      attrs: { type: 'button' },
      on: { click: () => actions.retry(id) },
    }),
    el('button', {
      class: 'link',
      text: t('discard'),
      attrs: { type: 'button' },
      on: { click: () => actions.discard(id) },
    }),
  ]
}
