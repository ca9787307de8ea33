import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { generatedFiles, generatedFolder } from '../generated-files.ts'

test('the generated types are those of the schemas of the server', { timeout: 60_000 }, async () => {
  for (const [name, text] of Object.entries(await generatedFiles())) {
    const committed = await readFile(new URL(name, generatedFolder), 'utf8').catch(() => '')
    expect(committed === text, `${name} is not fresh: run npm run generate`).toBe(true)
  }
})
