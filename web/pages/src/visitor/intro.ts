import { el, field } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'

/** What a visitor sees before the first message, with room for a name. */
export class Intro {
  readonly element: HTMLElement

  constructor(named: (name: string) => Promise<void>) {
    const input = el('input', {
      attrs: { type: 'text', maxlength: '64', autocomplete: 'name' },
      on: {
        change: () => {
          const name = input.value.trim()
          // Without its name a chat goes on just as well.
          if (name !== '') named(name).catch(() => undefined)
        },
      },
    })
    this.element = el('section', { class: 'intro' }, [
      el('h2', { text: t('visitorWelcome') }),
      el('p', { text: t('visitorWelcomeText') }),
      field(t('yourName'), input),
    ])
  }
}
