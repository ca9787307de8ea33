import type { Session } from '@kefu/client'
import { el, show } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'

const SCORES = [1, 2, 3, 4, 5]

export interface EndedActions {
  rate: (session: number, score: number) => void
  newChat: (session: number) => void
}

/** After the end: a rating, and the way to a new chat. */
export class EndedPanel {
  readonly element = el('section', {
    class: 'ended',
    attrs: { hidden: true, 'aria-label': t('chatEndedTitle') },
  })
  readonly #actions: EndedActions
  #shown = ''

  constructor(actions: EndedActions) {
    this.#actions = actions
  }

  update(session: Session | undefined): void {
    show(this.element, session !== undefined)
    const shown = session === undefined ? '' : `${session.ordinal}-${session.rating ?? 'unrated'}`
    // Rebuilding the buttons under the pointer or the keyboard's focus would lose a click.
    if (shown === this.#shown) return
    this.#shown = shown
    if (session !== undefined) this.#render(session)
  }

  #render({ ordinal, rating, agent }: Session): void {
    // Nobody served a session that ended in the queue.
    const question = agent === undefined ? [] : [this.#rating(ordinal, rating)]
    const button = el('button', {
      class: 'primary',
      text: t('newChat'),
      attrs: { type: 'button' },
      on: { click: () => this.#actions.newChat(ordinal) },
    })
    this.element.replaceChildren(el('h2', { text: t('chatEndedTitle') }), ...question, button)
  }

  #rating(session: number, rating: number | undefined): HTMLElement {
    if (rating !== undefined) return el('p', { text: t('rateThanks'), attrs: { role: 'status' } })
    const stars = SCORES.map((score) =>
      el('button', {
        class: 'star',
        text: '★',
        attrs: { type: 'button', 'aria-label': t('rateStars', { score }) },
        on: { click: () => this.#actions.rate(session, score) },
      }),
    )
    return el('div', { class: 'rating', attrs: { role: 'group', 'aria-label': t('rateQuestion') } }, [
      el('p', { text: t('rateQuestion') }),
      el('div', { class: 'stars' }, stars),
    ])
  }
}
