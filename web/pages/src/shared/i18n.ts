import { en, type TextKey } from './en.ts'
import { zh } from './zh.ts'

type Language = 'en' | 'zh'
type Translate = (key: TextKey, values?: Record<string, string | number>) => string

/** `?lang=` first, then what the browser prefers. */
function pickLanguage(search: string, preferred: string): Language {
  const wanted = new URLSearchParams(search).get('lang') ?? preferred
  return wanted.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

function translator(language: Language): Translate {
  const texts = language === 'zh' ? zh : en
  return (key, values = {}) =>
    texts[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}

export const language = pickLanguage(location.search, navigator.language)
export const t = translator(language)

export function announceLanguage(title: string): void {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  document.title = title
}
