import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock, ParseContext } from '../document-types.ts';
import { partBlocks } from '../parts.ts';
import { type ZipMember, zipMembers } from '../zip.ts';

/** What file managers leave in archives. */
const LITTER = /(?:^|\/)(?:__MACOSX\/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)/i;

/** A ZIP archive: each file in it is read as what it is, under a heading with its name. Nothing is unpacked to disk. */
export const archiveParser: DocumentParser = {
  name: 'archive',
  mediaTypes: ['application/zip'],
  async parse(bytes, context) {
    // One more than is read, so that what is left out is known of.
    const members = await zipMembers(bytes, context.limits.maxParts + 1);
    const files = members.filter(({ isFolder, name }) => !isFolder && !LITTER.test(name));
    refuseWhole(files, context);
    const blocks: DraftBlock[] = [];
    for (const file of files) blocks.push(...(await memberBlocks(file, context)));
    return { metadata: { properties: { files: String(files.length) } }, blocks };
  },
};

/** An archive of which nothing can be opened is refused; of others the encrypted members are left out. */
function refuseWhole(files: readonly ZipMember[], { options }: ParseContext): void {
  if (files.length > 0 && options.password === undefined && files.every(({ isEncrypted }) => isEncrypted)) {
    throw new LocalLiteError('document_encrypted', 'the archive is encrypted; give its password');
  }
}

async function memberBlocks(file: ZipMember, context: ParseContext): Promise<readonly DraftBlock[]> {
  const bytes = await readMember(file, context);
  const part = bytes === undefined ? undefined : await context.parsePart(bytes, file.name);
  return part === undefined ? [] : partBlocks(file.name, part);
}

async function readMember(file: ZipMember, context: ParseContext): Promise<Uint8Array | undefined> {
  try {
    return await file.read((bytes) => context.spend(bytes), context.options.password);
  } catch (error) {
    const { code, message } = LocalLiteError.from(error, 'document_unreadable');
    // The limits of the whole end it; so does a wrong password, which is wrong for every member.
    const isWrongPassword = code === 'document_encrypted' && context.options.password !== undefined && context.depth === 0;
    if (code === 'document_too_large' || isWrongPassword) throw error;
    context.warn({ code, message, part: file.name });
    return undefined;
  }
}
