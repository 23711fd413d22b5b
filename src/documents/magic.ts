interface Magic {
  readonly mediaType: string;
  readonly offset: number;
  readonly mark: string;
  /** The mark alone could begin a text as well; it counts only for bytes that are none. */
  readonly isWeak?: boolean;
}

const strong = (mediaType: string, mark: string, offset = 0): Magic => ({ mediaType, mark, offset });
const weak = (mediaType: string, mark: string, offset = 0): Magic => ({ mediaType, mark, offset, isWeak: true });

/** What formats begin with, those that cannot be read among them so that a refusal can name them. */
const MAGIC: readonly Magic[] = [
  strong('application/pdf', '%PDF-'),
  strong('application/rtf', '{\\rtf'),
  strong('image/png', '\x89PNG\r\n\x1a\n'),
  strong('image/jpeg', '\xff\xd8\xff'),
  strong('image/tiff', 'II*\0'),
  strong('image/tiff', 'MM\0*'),
  strong('image/tiff', 'II+\0'),
  weak('image/webp', 'WEBP', 8),
  weak('image/gif', 'GIF8'),
  weak('image/bmp', 'BM'),
  strong('image/vnd.microsoft.icon', '\0\0\x01\0'),
  weak('image/vnd.adobe.photoshop', '8BPS'),
  strong('application/zip', 'PK\x03\x04'),
  strong('application/zip', 'PK\x05\x06'),
  strong('application/gzip', '\x1f\x8b'),
  strong('application/x-7z-compressed', '7z\xbc\xaf\x27\x1c'),
  strong('application/vnd.rar', 'Rar!\x1a\x07'),
  weak('application/x-bzip2', 'BZh'),
  strong('application/x-xz', '\xfd7zXZ\0'),
  strong('application/zstd', '\x28\xb5\x2f\xfd'),
  weak('application/x-tar', 'ustar', 257),
  weak('audio/mpeg', 'ID3'),
  strong('audio/mpeg', '\xff\xfb'),
  strong('audio/mpeg', '\xff\xf3'),
  strong('audio/aac', '\xff\xf1'),
  weak('audio/wav', 'WAVE', 8),
  weak('audio/flac', 'fLaC'),
  weak('audio/ogg', 'OggS'),
  weak('audio/mp4', 'ftypM4A', 4),
  weak('image/heic', 'ftyphei', 4),
  weak('image/avif', 'ftypavif', 4),
  weak('video/mp4', 'ftyp', 4),
  weak('video/x-msvideo', 'AVI ', 8),
  strong('video/x-matroska', '\x1a\x45\xdf\xa3'),
  strong('application/vnd.sqlite3', 'SQLite format 3\0'),
  weak('application/vnd.apache.parquet', 'PAR1'),
  strong('application/x-executable', '\x7fELF'),
  weak('application/x-executable', 'MZ'),
  strong('application/x-executable', '\xcf\xfa\xed\xfe'),
  strong('application/java-vm', '\xca\xfe\xba\xbe'),
  strong('application/wasm', '\0asm'),
  weak('font/woff', 'wOF'),
  strong('font/sfnt', '\0\x01\0\0'),
];
/** PDF readers allow some bytes before the header. */
const PDF_SEARCH = 1024;

/** Media type by the first bytes; undefined for what begins with no known mark. `isText`: the bytes look like text. */
export function magicOf(bytes: Uint8Array, isText: boolean): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, PDF_SEARCH)).toString('latin1');
  const found = MAGIC.find(({ offset, mark, isWeak }) => head.startsWith(mark, offset) && !(isWeak === true && isText));
  return found?.mediaType ?? (!isText && head.includes('%PDF-') ? 'application/pdf' : undefined);
}
