type Child = Node | string | undefined

export interface Props {
  class?: string
  text?: string
  attrs?: Record<string, string | boolean>
  on?: Partial<{ [K in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[K]) => void }>
}

/** An element with its children. Text goes in as text, never as markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  children: Child[] = [],
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  if (props.class !== undefined) element.className = props.class
  if (props.text !== undefined) element.textContent = props.text
  for (const [name, value] of Object.entries(props.attrs ?? {})) setAttribute(element, name, value)
  for (const [type, listener] of Object.entries(props.on ?? {})) {
    element.addEventListener(type, listener as EventListener)
  }
  element.append(...children.filter((child) => child !== undefined))
  return element
}

function setAttribute(element: HTMLElement, name: string, value: string | boolean): void {
  if (typeof value === 'boolean') element.toggleAttribute(name, value)
  else element.setAttribute(name, value)
}

/** The element that the page's HTML brings along for the app. */
export function appRoot(): HTMLElement {
  const root = document.getElementById('app')
  if (root === null) throw new Error('the page has no #app')
  return root
}

export function show(element: HTMLElement, visible: boolean): void {
  element.hidden = !visible
}

/** Changes the text only if it differs, so that screen readers announce changes and nothing else. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** A labelled form field. */
export function field(label: string, input: HTMLElement, className = 'field'): HTMLLabelElement {
  return el('label', { class: className }, [el('span', { text: label }), input])
}
