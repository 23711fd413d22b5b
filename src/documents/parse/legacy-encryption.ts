import { LocalLiteError } from '../../errors.ts';

/**
 * Opens an office file of before 2007 that its owner encrypted (RC4, RC4 CryptoAPI, XOR; [MS-OFFCRYPTO]); gives others back as they are.
 * @param what what it is, for errors
 * @throws LocalLiteError document_encrypted: no password, or another one
 */
export async function openLegacyOffice(bytes: Uint8Array, password: string | undefined, what: string): Promise<Uint8Array> {
  const { default: crypto } = await import('officecrypto-tool');
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!isTrue(() => crypto.isEncrypted(data))) return bytes;
  if (password === undefined) throw new LocalLiteError('document_encrypted', `${what} is encrypted; give its password`);
  try {
    return new Uint8Array(await crypto.decrypt(data, { password }));
  } catch (cause) {
    throw new LocalLiteError('document_encrypted', `${what} is encrypted, and the password is not its own`, { cause });
  }
}

/** What the check cannot read is for the file's reader to refuse. */
function isTrue(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}
