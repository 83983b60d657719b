// @ts-check
/** The tags of an audio file, of whatever kind it is: where each container has them, and its duration. */

import { readId3, readId3v1, durationOfMpeg } from "./tags_mp3.js";
import {
  Bytes, FRONT, Found, MOST_COVER, MOST_TEXT, letters, pictureOf, plain, readComments, u16, u16le, u24, u32, u32le,
  u64, u64le, utf8,
} from "./tags_fields.js";

/**
 * @typedef {import("./tags_fields.js").Tags} Tags
 * @typedef {import("./tags_fields.js").Data} Data
 */

/** Blocks, chunks, pages or atoms that are looked at, at most. */
const MOST_PARTS = 4000;
/** Bytes of a block of comments, which may have a cover in it. */
const MOST_BLOCK = MOST_COVER + (2 << 20);
const LONGEST_PAGE = 27 + 255 + 255 * 255;
const UNKNOWN = 0xffffffff;

/**
 * Read what a file says of itself. Only the parts that say it are read; what is damaged is left out.
 * @param {Blob} blob
 * @returns {Promise<Tags>} empty where it says nothing, and where it is no audio; this never throws
 */
export async function readTags(blob) {
  const found = new Found();
  try {
    await readInto(found, new Bytes(blob));
  } catch {
    // it would be too much, or the file is gone: what was found before stays
  }
  return found.tags().catch(() => ({}));
}

/**
 * @param {Found} found
 * @param {Bytes} bytes
 */
export async function readInto(found, bytes) {
  const head = await bytes.at(0, 12);
  const [first, second, third] = [0, 4, 8].map((at) => letters(head, at, 4));
  if (first === "fLaC") await readFlac(bytes, 0, found);
  else if (first === "OggS") await readOgg(bytes, found);
  else if (["RIFF", "RF64", "BW64"].includes(first) && third === "WAVE") await readWav(bytes, found);
  else if (first === "FORM" && ["AIFF", "AIFC"].includes(third)) await readAiff(bytes, found);
  else if (["ftyp", "moov", "mdat", "free", "skip", "wide"].includes(second)) await readMp4(bytes, found);
  else await readMp3(bytes, found);
}

/** MP3, and what else begins with ID3. @param {Bytes} bytes @param {Found} found */
async function readMp3(bytes, found) {
  const own = new Found();
  let place = await readId3(bytes, 0, own);
  for (let k = 0; k < 9; k++) place = await readId3(bytes, place, null); // some write several
  const isFlac = letters(await bytes.at(place, 4), 0, 4) === "fLaC";
  if (isFlac) await readFlac(bytes, place, found);
  if (found.isEmpty) found.addAll(own);
  if (isFlac) return;
  const behind = await readId3v1(bytes, found);
  found.durationS = await durationOfMpeg(bytes, place, bytes.size - behind);
}

// --- FLAC ------------------------------------------------------------------------------------------------

/** @param {Bytes} bytes @param {number} place @param {Found} found */
async function readFlac(bytes, place, found) {
  place += 4;
  for (let k = 0; k < MOST_PARTS; k++) {
    const head = await bytes.at(place, 4);
    if (head.length < 4) return;
    const [kind, size] = [head[0] & 127, u24(head, 1)];
    const from = place + 4;
    place = from + size;
    if (kind === 0) found.durationS = durationOfFlac(await bytes.at(from, size));
    else if (kind === 4) readComments(await bytes.at(from, Math.min(size, MOST_BLOCK)), 0, found);
    else if (kind === 6) {
      const load = async () => pictureOf(await bytes.at(from, size));
      found.addPicture(u32(await bytes.at(from, 4), 0), size, load);
    }
    if (head[0] & 128) return;
  }
}

/** @param {Data} data the first block */
function durationOfFlac(data) {
  return ((data[13] & 15) * 2 ** 32 + u32(data, 14)) / (u24(data, 10) >> 4);
}

// --- Ogg -------------------------------------------------------------------------------------------------

/**
 * @param {Bytes} bytes
 * @param {number} place
 * @returns {Promise<{flags: number, serial: number, lengths: Data, from: number, end: number} | null>}
 */
async function pageAt(bytes, place) {
  const head = await bytes.at(place, 27 + 255);
  if (letters(head, 0, 4) !== "OggS" || head.length < 28) return null;
  const lengths = head.subarray(27, 27 + head[26]);
  const from = place + 27 + head[26];
  return { flags: head[5], serial: u32le(head, 14), lengths, from, end: from + lengths.reduce((a, b) => a + b, 0) };
}

/** @param {Bytes} bytes @param {Found} found */
async function readOgg(bytes, found) {
  /** @type {ReturnType<typeof codecOf>} */
  let codec = null;
  let serial = 0;
  /** @type {Data[]} */
  const pieces = [];
  let page = await pageAt(bytes, 0);
  for (let k = 0; page && k < MOST_PARTS; k++) {
    if (page.flags & 2) { // a stream begins; of several the first is heard
      if (!codec) {
        codec = codecOf(await bytes.at(page.from, Math.min(page.end - page.from, 255)));
        serial = page.serial;
      }
    } else if (codec && page.serial === serial) {
      const last = page.lengths.findIndex((length) => length < 255); // a packet ends there
      const own = last < 0 ? page.lengths : page.lengths.subarray(0, last + 1);
      pieces.push(await bytes.at(page.from, own.reduce((a, b) => a + b, 0)));
      if (last >= 0) break;
    }
    page = await pageAt(bytes, page.end);
  }
  if (!codec) return;
  const packet = new Uint8Array(await new Blob(pieces).arrayBuffer());
  if (letters(packet, 0, codec.mark.length) === codec.mark) readComments(packet, codec.comments, found);
  found.durationS = (await lastGranule(bytes, serial) - codec.skipped) / codec.rate;
}

/**
 * @param {Data} head the first packet of a stream
 * @returns {{mark: string, comments: number, rate: number, skipped: number} | null} what its comments begin with
 */
function codecOf(head) {
  const beginning = letters(head, 0, 8);
  if (beginning === "OpusHead") return { mark: "OpusTags", comments: 8, rate: 48_000, skipped: u16le(head, 10) };
  if (beginning.startsWith("\x01vorbis")) {
    return { mark: "\x03vorbis", comments: 7, rate: u32le(head, 12), skipped: 0 };
  }
  if (beginning.startsWith("\x7fFLAC")) return { mark: "", comments: 4, rate: u24(head, 27) >> 4, skipped: 0 };
  return null;
}

/** @param {Bytes} bytes @param {number} serial @returns {Promise<number>} frames until the end of a stream, or 0 */
async function lastGranule(bytes, serial) {
  const start = Math.max(0, bytes.size - 2 * LONGEST_PAGE);
  const data = await bytes.at(start, bytes.size - start);
  for (let at = data.lastIndexOf(0x4f); at >= 0; at = at ? data.lastIndexOf(0x4f, at - 1) : -1) {
    if (letters(data, at, 4) !== "OggS" || data[at + 4] || at + 27 > data.length) continue;
    if (data[at + 5] & 2 && start + at > 0) return 0; // others' streams follow: a chain of them
    const isOfNone = u32le(data, at + 6) === UNKNOWN && u32le(data, at + 10) === UNKNOWN; // no packet ends there
    if (u32le(data, at + 14) === serial && !isOfNone) return u64le(data, at + 6);
  }
  return 0;
}

// --- MP4 -------------------------------------------------------------------------------------------------

/**
 * @typedef {{name: string, from: number, end: number, isWhole: boolean}} Atom
 * @param {Bytes} bytes
 * @param {number} place
 * @param {number} end
 * @returns {AsyncGenerator<Atom>} what stands between, with no more than is there
 */
async function* atoms(bytes, place, end) {
  for (let k = 0; k < MOST_PARTS && place + 8 <= end; k++) {
    const head = await bytes.at(place, 16);
    const isLong = u32(head, 0) === 1;
    const size = isLong ? u64(head, 8) : u32(head, 0) || end - place; // none: up to the end
    if (size < (isLong ? 16 : 8)) return;
    const from = place + (isLong ? 16 : 8);
    place += size;
    yield { name: letters(head, 4, 4), from, end: Math.min(place, end), isWhole: place <= end };
  }
}

/**
 * @param {Bytes} bytes
 * @param {number} from
 * @param {number} end
 * @param {string} name
 * @returns {Promise<Atom | null>}
 */
async function atomOf(bytes, from, end, name) {
  for await (const atom of atoms(bytes, from, end)) if (atom.name === name) return atom;
  return null;
}

/** @param {Bytes} bytes @param {Found} found */
async function readMp4(bytes, found) {
  const moov = await atomOf(bytes, 0, bytes.size, "moov");
  if (!moov) return;
  for await (const { name, from, end } of atoms(bytes, moov.from, moov.end)) {
    if (name === "mvhd") found.durationS = durationOfMp4(await bytes.at(from, Math.min(end - from, 32)));
    else if (name === "udta") await readUserData(bytes, from, end, found);
  }
}

/** @param {Data} head */
function durationOfMp4(head) {
  if (head[0] === 1) return u64(head, 24) / u32(head, 20);
  return u32(head, 16) === UNKNOWN ? 0 : u32(head, 16) / u32(head, 12);
}

/** @param {Bytes} bytes @param {number} start @param {number} stop @param {Found} found */
async function readUserData(bytes, start, stop, found) {
  const meta = await atomOf(bytes, start, stop, "meta");
  if (!meta) return;
  const isPlain = letters(await bytes.at(meta.from + 4, 4), 0, 4) === "hdlr"; // QuickTime's has no version
  const list = await atomOf(bytes, meta.from + (isPlain ? 0 : 4), meta.end, "ilst");
  if (!list) return;
  for await (const item of atoms(bytes, list.from, list.end)) await readItem(bytes, item, found);
}

/** @param {Bytes} bytes @param {Atom} item @param {Found} found */
async function readItem(bytes, item, found) {
  let { name } = item;
  for await (const atom of atoms(bytes, item.from, item.end)) {
    const [from, size] = [atom.from + 8, atom.end - atom.from - 8];
    if (name === "----" && atom.name === "name") name = utf8(await bytes.at(from - 4, Math.min(size + 4, 100)));
    if (atom.name !== "data" || size <= 0) continue;
    if (item.name === "covr") {
      if (atom.isWhole) found.addPicture(FRONT, size, () => bytes.at(from, size));
      continue;
    }
    const data = await bytes.at(from, Math.min(size, MOST_TEXT));
    found.add(name, [item.name === "trkn" ? `${u16(data, 2)}` : utf8(data)]);
  }
}

// --- WAV and AIFF ----------------------------------------------------------------------------------------

/**
 * @param {Bytes} bytes
 * @param {number} place
 * @param {number} end
 * @param {boolean} isLittle
 * @returns {AsyncGenerator<{name: string, from: number, size: number}>} sizes are what they claim to be
 */
async function* chunks(bytes, place, end, isLittle) {
  let long = UNKNOWN; // RF64's size of the sound
  for (let k = 0; k < MOST_PARTS && place + 8 <= end; k++) {
    const head = await bytes.at(place, 24);
    const name = letters(head, 0, 4);
    let size = (isLittle ? u32le : u32)(head, 4);
    if (name === "ds64") long = u64le(head, 16);
    if (name === "data" && size === UNKNOWN) size = long;
    yield { name, from: place + 8, size };
    place += 8 + size + size % 2;
  }
}

/** What the strings of LIST INFO and of AIFF are called elsewhere. @type {Record<string, string>} */
const STRINGS = {
  INAM: "title", IART: "artist", IPRD: "album", ICRD: "date", ITRK: "track", IPRT: "track",
  NAME: "title", AUTH: "artist",
};

/** @param {Bytes} bytes @param {{name: string, from: number, size: number}} chunk @param {Found} found */
async function readString(bytes, { name, from, size }, found) {
  if (STRINGS[name]) found.add(STRINGS[name], [plain(await bytes.at(from, Math.min(size, MOST_TEXT)))]);
}

/** @param {Bytes} bytes @param {Found} found */
async function readWav(bytes, found) {
  const strings = new Found();
  let [rate, there] = [0, 0];
  for await (const { name, from, size } of chunks(bytes, 12, bytes.size, true)) {
    if (name === "fmt ") rate = bytesASecond(await bytes.at(from, Math.min(size, 16)));
    else if (name === "data") there = Math.min(size, bytes.size - from);
    else if (name.toLowerCase() === "id3 ") await readId3(bytes, from, found);
    else if (name === "LIST" && letters(await bytes.at(from, 4), 0, 4) === "INFO") {
      const end = Math.min(from + size, bytes.size);
      for await (const each of chunks(bytes, from + 4, end, true)) await readString(bytes, each, strings);
    }
  }
  found.durationS = there / rate;
  if (found.isEmpty) found.addAll(strings);
}

/** @param {Data} head a chunk "fmt " */
function bytesASecond(head) {
  const isCoded = ![1, 3, 0xfffe].includes(u16le(head, 0)); // else it is a product, which some write wrong
  return isCoded ? u32le(head, 8) : u32le(head, 4) * u16le(head, 12);
}

/** @param {Bytes} bytes @param {Found} found */
async function readAiff(bytes, found) {
  const strings = new Found();
  for await (const chunk of chunks(bytes, 12, bytes.size, false)) {
    if (chunk.name === "COMM") found.durationS = durationOfAiff(await bytes.at(chunk.from, 18));
    else if (chunk.name === "ID3 ") await readId3(bytes, chunk.from, found);
    else await readString(bytes, chunk, strings);
  }
  if (found.isEmpty) found.addAll(strings);
}

/** @param {Data} head a chunk "COMM", with a rate of eighty bits */
function durationOfAiff(head) {
  const rate = u64(head, 10) * 2 ** ((u16(head, 8) & 0x7fff) - 16_383 - 63);
  return u32(head, 2) / rate;
}
