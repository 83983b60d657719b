// Reads tags, playlists and orders with the page's code: each line of standard input, as JSON, says which.
import fs from "node:fs";
import readline from "node:readline";

const [, , room] = process.argv;
const { readInto, readTags } = await import(`file://${room}/tags.js`);
const { Bytes, Found, NoMore } = await import(`file://${room}/tags_fields.js`);
const { inOrder, isAudio, isPlaylist, parsePlaylist } = await import(`file://${room}/playlist.js`);

/** A blob that counts what is read of it. */
class Counted {
  constructor(blob) {
    [this.blob, this.size, this.bytes, this.reads] = [blob, blob.size, 0, 0];
  }

  slice(from, to) {
    const part = this.blob.slice(from, to);
    this.bytes += part.size;
    this.reads += 1;
    return part;
  }
}

function milliseconds(since) {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

/** What `readTags` does without its net: nothing may be thrown but that no more is read. */
async function withoutNet(blob) {
  const found = new Found();
  await readInto(found, new Bytes(blob)).catch((error) => {
    if (!(error instanceof NoMore)) throw error;
  });
  await found.tags();
}

async function read({ path }) {
  const blob = new Counted(await fs.openAsBlob(path));
  const since = process.cpuUsage();
  const tags = await readTags(blob);
  const result = { ms: milliseconds(since), bytes: blob.bytes, reads: blob.reads };
  await withoutNet(blob);
  if (tags.cover) tags.cover = [tags.cover.mime, Buffer.from(tags.cover.data).toString("base64")];
  return { tags, ...result };
}

/** A file that goes away after some reads. */
async function vanish({ path, reads }) {
  const blob = await fs.openAsBlob(path);
  let left = reads;
  const slice = (from, to) =>
    left-- > 0 ? blob.slice(from, to) : { arrayBuffer: async () => { throw new DOMException("gone", "NotReadableError"); } };
  const tags = await readTags({ size: blob.size, slice });
  return { ...tags, cover: Boolean(tags.cover) };
}

/** Numbers at random below a limit, the same for the same seed (mulberry32). */
function dice(seed) {
  return (limit) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** Change bytes where tags are, make numbers large, cut off, repeat. */
function damaged(whole, below) {
  let data = Uint8Array.from(whole);
  const near = Math.min(data.length, below(3) ? 600 : data.length);
  const place = () => (below(4) ? below(near) : data.length - 1 - below(near));
  for (let left = 1 + below(12); left > 0; left--) data[place()] = below(256);
  if (!below(3)) data.fill(below(2) ? 255 : 0, place(), undefined).set(whole.subarray(0, below(data.length)));
  if (!below(2)) {
    const at = place();
    data.fill([0, 0x7f, 0x80, 0xff][below(4)], at, at + 1 + below(8));
  }
  if (!below(3)) data = data.subarray(0, below(data.length + 1));
  if (!below(6)) data = Buffer.concat([data.subarray(0, below(data.length + 1)), data]);
  return data;
}

const READERS = {
  readTags,
  "one that throws": async () => { throw new Error("as it is made to"); },
  "one that is slow": async () => { for (const since = process.cpuUsage(); milliseconds(since) < 300;); },
  "one that reads all": (blob) => blob.slice(0, blob.size).arrayBuffer(),
};

async function fuzz({ path, seed, count, reader = "readTags" }) {
  const whole = fs.readFileSync(path);
  const below = dice(seed);
  const result = { thrown: [], ms: 0, bytes: 0, read: 0 };
  for (let k = 0; k < count; k++) {
    const blob = new Counted(new Blob([damaged(whole, below)]));
    const since = process.cpuUsage();
    try {
      const tags = await READERS[reader](blob);
      result.read += Number(Boolean(tags?.title));
      result.bytes = Math.max(result.bytes, blob.bytes);
      result.ms = Math.max(result.ms, milliseconds(since));
      if (reader === "readTags") await withoutNet(blob);
    } catch (error) {
      result.thrown.push(`${k}: ${error.stack}`);
    }
  }
  return result;
}

const KINDS = {
  read,
  vanish,
  fuzz,
  playlist: ({ text, name }) => parsePlaylist(text, name),
  order: ({ paths }) => inOrder(paths.map((path) => ({ name: path.replace(/.*\//, ""), webkitRelativePath: path })))
    .map((file) => file.webkitRelativePath),
  names: ({ names }) => names.map((name) => [isAudio(name), isPlaylist(name)]),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const results = [];
  for (const job of JSON.parse(line)) results.push(await KINDS[job.kind](job));
  process.stdout.write(`${JSON.stringify(results)}\n`);
}
