import { writeFile } from 'node:fs/promises'
import { generatedFiles, generatedFolder } from './generated-files.ts'

for (const [name, text] of Object.entries(await generatedFiles())) {
  await writeFile(new URL(name, generatedFolder), text)
}
