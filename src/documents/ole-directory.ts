const MARK = 0xe11ab1a1e011cfd0n;
const ENTRY_BYTES = 128;
/** A directory that is longer is none; it also ends the walk along a chain that bites its tail. */
const MOST_SECTORS = 4096;
/** Sector numbers from here on mean "no sector". */
const LAST_SECTOR = 0xfffffffa;

/**
 * Names in the directory of an OLE compound file (MS-CFB), enough to tell what it is; undefined for bytes that are none. Broken chains end
 * the list and are no error: reading the file is the parser's.
 */
export function oleNames(bytes: Uint8Array): readonly string[] | undefined {
  if (bytes.length < 512) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getBigUint64(0, true) !== MARK) return undefined;
  const size = 1 << Math.min(16, Math.max(7, view.getUint16(30, true)));
  const names: string[] = [];
  let sector = view.getUint32(48, true);
  for (let count = 0; count < MOST_SECTORS && sector < LAST_SECTOR; count++) {
    const start = (sector + 1) * size;
    if (start + size > bytes.length) break;
    for (let at = start; at < start + size; at += ENTRY_BYTES) names.push(nameAt(view, at));
    sector = nextSector(view, sector, size);
  }
  return names.filter((name) => name !== '');
}

function nameAt(view: DataView, at: number): string {
  const bytes = Math.min(64, view.getUint16(at + 64, true));
  return bytes < 2 ? '' : new TextDecoder('utf-16le').decode(new Uint8Array(view.buffer, view.byteOffset + at, bytes - 2));
}

/** By the allocation table, whose first 109 sectors the header names; what lies beyond them is not followed. */
function nextSector(view: DataView, sector: number, size: number): number {
  const perSector = size / 4;
  const part = Math.floor(sector / perSector);
  if (part >= 109) return LAST_SECTOR;
  const at = (view.getUint32(76 + part * 4, true) + 1) * size + (sector % perSector) * 4;
  return at + 4 > view.byteLength ? LAST_SECTOR : view.getUint32(at, true);
}
