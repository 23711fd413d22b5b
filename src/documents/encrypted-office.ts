import { LocalLiteError } from '../errors.ts';

/** Media type of an office file of today that is encrypted as a whole; what is in it shows only when it is open. */
export const ENCRYPTED_OFFICE = 'application/x-encrypted-office';

/**
 * Opens an office file with its password (ECMA-376 agile and standard encryption, [MS-OFFCRYPTO]); gives the bytes of the file inside.
 * @throws LocalLiteError document_encrypted: no password, another password, a form of encryption that is not known
 */
export async function openEncryptedOffice(bytes: Uint8Array, password: string | undefined, name = 'the document'): Promise<Uint8Array> {
  if (password === undefined || password === '') {
    throw new LocalLiteError('document_encrypted', `${name} is an encrypted office file; give its password`);
  }
  const { default: crypto } = await import('officecrypto-tool');
  try {
    return new Uint8Array(await crypto.decrypt(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), { password }));
  } catch (cause) {
    if (cause instanceof RangeError && /call stack|allocation/i.test(cause.message)) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    const why = /password is incorrect/i.test(message) ? 'the password is not its own' : `it cannot be opened (${message})`;
    throw new LocalLiteError('document_encrypted', `${name} is an encrypted office file, and ${why}`, { cause });
  }
}
