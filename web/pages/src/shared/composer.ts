import { el } from './dom.ts'
import { t } from './i18n.ts'

const TYPING_EVERY_MS = 1_000
const TYPING_ENDS_MS = 5_000
const PREVIEW_CHARS = 500
const MAX_CHARS = 8_000

export interface ComposerActions {
  send: (text: string) => void
  typing: (on: boolean, preview: string) => void
}

/** The text field with its button: Enter sends, Shift+Enter makes a new line. */
export class Composer {
  readonly element: HTMLFormElement
  readonly input: HTMLTextAreaElement
  readonly #actions: ComposerActions
  #typing = false
  #next: ReturnType<typeof setTimeout> | undefined
  #idle: ReturnType<typeof setTimeout> | undefined

  constructor(actions: ComposerActions, extra: HTMLElement[] = []) {
    this.#actions = actions
    this.input = el('textarea', {
      attrs: {
        'aria-label': t('message'),
        placeholder: t('messageHint'),
        rows: '1',
        maxlength: String(MAX_CHARS),
        enterkeyhint: 'send',
      },
      on: {
        input: () => this.#typed(),
        keydown: (event) => this.#key(event),
      },
    })
    const button = el('button', { class: 'primary', text: t('send'), attrs: { type: 'submit' } })
    this.element = el(
      'form',
      {
        class: 'composer',
        on: {
          submit: (event) => {
            event.preventDefault()
            this.#submit()
          },
        },
      },
      [...extra, this.input, button],
    )
  }

  /** The text that was typed, which is then no longer here. */
  takeText(): string {
    const text = this.input.value
    this.clear()
    return text
  }

  clear(): void {
    this.input.value = ''
    this.#stopTyping()
  }

  #key(event: KeyboardEvent): void {
    // Enter also confirms a Chinese input method's candidate: that one is not for us.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    this.#submit()
  }

  #submit(): void {
    const text = this.input.value.trim()
    if (text === '') return
    this.clear()
    this.#actions.send(text)
    this.input.focus()
  }

  #typed(): void {
    clearTimeout(this.#idle)
    if (this.input.value === '') {
      this.#stopTyping()
      return
    }
    this.#idle = setTimeout(() => this.#stopTyping(), TYPING_ENDS_MS)
    // At most one announcement per interval, and the last keystroke is always in one.
    this.#next ??= setTimeout(() => this.#announce(), this.#typing ? TYPING_EVERY_MS : 0)
  }

  #announce(): void {
    this.#next = undefined
    this.#typing = true
    this.#actions.typing(true, this.input.value.slice(0, PREVIEW_CHARS))
  }

  #stopTyping(): void {
    clearTimeout(this.#idle)
    clearTimeout(this.#next)
    this.#next = undefined
    if (this.#typing) this.#actions.typing(false, '')
    this.#typing = false
  }
}
