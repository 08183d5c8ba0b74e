// A ZIP archive, written while its files come in, stored as they are: photos are compressed already.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

function crc32(bytes) {
  let sum = ~0;
  for (const byte of bytes) sum = (sum >>> 8) ^ TABLE[(sum ^ byte) & 255];
  return ~sum >>> 0;
}

// Numbers, little-endian: [bytes, value] each.
function record(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 8) view.setBigUint64(at, BigInt(value), true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

const MOST = 0xffffffff;
const UTF8 = 1 << 11;
const VERSION = 45; // of the format: sizes over 4 GB may occur

// The archive of (name, blob) pairs piece by piece; names may have folders ("album/photo.jpg").
export async function* zipPieces(files, now = new Date()) {
  const date = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
  const list = [];
  let [at, count] = [0, 0];
  for await (const [text, blob] of files) {
    const name = new TextEncoder().encode(text);
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const common = [[2, VERSION], [2, UTF8], [2, 0], [2, time], [2, date], [4, crc32(bytes)]];
    const sizes = [[4, bytes.length], [4, bytes.length], [2, name.length]];
    const far = at >= MOST ? record([2, 1], [2, 8], [8, at]) : new Uint8Array();
    const where = [[2, far.length], [2, 0], [2, 0], [2, 0], [4, 0], [4, Math.min(at, MOST)]];
    list.push(record([4, 0x02014b50], [2, VERSION], ...common, ...sizes, ...where), name, far);
    const head = record([4, 0x04034b50], ...common, ...sizes, [2, 0]);
    yield head;
    yield name;
    yield bytes;
    at += head.length + name.length + bytes.length;
    count += 1;
  }
  const size = list.reduce((sum, piece) => sum + piece.length, 0);
  yield* list;
  if (at + size >= MOST || count >= 0xffff) {
    yield record([4, 0x06064b50], [8, 44], [2, VERSION], [2, VERSION], [4, 0], [4, 0], [8, count], [8, count], [8, size], [8, at]);
    yield record([4, 0x07064b50], [4, 0], [8, at + size], [4, 1]);
  }
  const [few, small, near] = [Math.min(count, 0xffff), Math.min(size, MOST), Math.min(at, MOST)];
  yield record([4, 0x06054b50], [2, 0], [2, 0], [2, few], [2, few], [4, small], [4, near], [2, 0]);
}

// Pieces as one file: on the browser's own disk where it lets us, so that 200 photos need no memory.
export async function fileOf(pieces, type) {
  let handle;
  try {
    handle = await (await navigator.storage.getDirectory()).getFileHandle("download.zip", { create: true });
    if (!handle.createWritable) throw new TypeError("no streams here");
  } catch { // plain http from another machine, or a private window
    const list = [];
    for await (const piece of pieces) list.push(piece);
    return new Blob(list, { type });
  }
  const stream = await handle.createWritable();
  try {
    for await (const piece of pieces) await stream.write(piece);
  } catch (error) {
    await stream.abort();
    throw error;
  }
  await stream.close();
  return await handle.getFile();
}
