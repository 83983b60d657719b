// @ts-check
/** What an MP3 has of tags: ID3v2 in front, ID3v1 at the end, and how long its frames last. */

import { Bytes, MOST_COVER, MOST_TEXT, latin, letters, u16, u24, u32, utf8 } from "./tags_fields.js";

/**
 * @typedef {import("./tags_fields.js").Found} Found
 * @typedef {import("./tags_fields.js").Data} Data
 * @typedef {{bytes: Bytes, found: Found, version: number, isUnsynchronised: boolean}} Tag
 */

const MOST_FRAMES = 2000;
/** Bytes of a text frame: twenty long values. */
const MOST_FRAME = 20 * MOST_TEXT;
/** Bytes of a tag that is taken into memory. */
const MOST_TAG = MOST_COVER + (1 << 20);
/** Bytes in which the first frame of MPEG is looked for. */
const MOST_BEFORE = 65_536;

/** What the frames that are read were called in ID3v2.2. @type {Record<string, string>} */
const OLD = {
  TT2: "TIT2", TP1: "TPE1", TAL: "TALB", TRK: "TRCK", TYE: "TYER", TDA: "TDAT", TXX: "TXXX", PIC: "APIC",
};
const TEXTS = new Set(["TIT2", "TPE1", "TALB", "TRCK", "TDRC", "TYER", "TXXX"]);

const UTF_16 = { le: new TextDecoder("utf-16le"), be: new TextDecoder("utf-16be") };

// --- ID3v2 -----------------------------------------------------------------------------------------------

/** @param {Uint8Array} data @param {number} at @returns {number} of four times seven bits */
function synchsafe(data, at) {
  return ((data[at] & 127) << 21) | ((data[at + 1] & 127) << 14) | ((data[at + 2] & 127) << 7) | (data[at + 3] & 127);
}

/**
 * @param {Data} data
 * @returns {Data} without the zeros that were put behind 0xff; as it is where none were, whatever the flag says
 */
function synchronised(data) {
  const made = new Uint8Array(data.length);
  let count = 0;
  for (let k = 0; k < data.length; k++) {
    made[count++] = data[k];
    if (data[k] !== 0xff) continue;
    if (data[k + 1] >= 0xe0) return data;
    if (data[k + 1] === 0) k++;
  }
  return made.subarray(0, count);
}

/**
 * Read a tag, if one begins at a place.
 * @param {Bytes} bytes
 * @param {number} place
 * @param {Found | null} found
 * @returns {Promise<number>} where it ends
 */
export async function readId3(bytes, place, found) {
  const head = await bytes.at(place, 10);
  if (head.length < 10 || letters(head, 0, 3) !== "ID3") return place;
  const [version, flags] = [head[3], head[5]];
  const from = place + 10;
  const end = from + synchsafe(head, 6);
  const hasFooter = version === 4 && flags & 0x10;
  const isPacked = version === 2 && flags & 0x40;
  if (found && version >= 2 && version <= 4 && !isPacked) {
    /** @type {Tag} */
    const tag = { bytes, found, version, isUnsynchronised: Boolean(flags & 0x80) };
    if (tag.isUnsynchronised && version < 4) { // all of it at once
      const whole = synchronised(await bytes.at(from, Math.min(end - from, MOST_TAG)));
      tag.bytes = new Bytes(new Blob([whole]));
      tag.isUnsynchronised = false;
      await readFrames(tag, await behindExtension(tag, 0, flags), whole.length);
    } else {
      await readFrames(tag, await behindExtension(tag, from, flags), Math.min(end, bytes.size));
    }
  }
  return hasFooter ? end + 10 : end;
}

/** @param {Tag} tag @param {number} from @param {number} flags @returns {Promise<number>} where frames begin */
async function behindExtension({ bytes, version }, from, flags) {
  if (version === 2 || !(flags & 0x40)) return from;
  const size = await bytes.at(from, 4);
  if (/^[A-Z][A-Z0-9]{3}$/.test(letters(size, 0, 4))) return from; // there is none, whatever the flag says
  return from + (version === 4 ? Math.max(4, synchsafe(size, 0)) : 4 + u32(size, 0));
}

/** @param {Tag} tag @param {number} place @param {number} end */
async function readFrames(tag, place, end) {
  const { bytes, found, version } = tag;
  const headSize = version === 2 ? 6 : 10;
  let day = "";
  for (let k = 0; k < MOST_FRAMES && place + headSize < end; k++) {
    const head = await bytes.at(place, headSize);
    const named = letters(head, 0, version === 2 ? 3 : 4);
    if (!/^[A-Z0-9]{3,4}$/.test(named)) break; // nothing but zeros are left
    const name = version === 2 ? OLD[named] : named;
    const from = place + headSize;
    const size = version === 2 ? u24(head, 3) : version === 3 ? u32(head, 4) : await sizeOf(bytes, head, from, end);
    place = from + size;
    const frame = { name, from, size: Math.min(size, end - from), flags: version === 2 ? 0 : head[9] };
    if (name === "APIC") await addPicture(tag, frame, size <= frame.size);
    else if (name === "TDAT") day = textsOf(await contents(tag, frame, MOST_FRAME))[0] ?? "";
    else if (TEXTS.has(name)) addTexts(found, name, await contents(tag, frame, MOST_FRAME));
  }
  const [year] = found.texts("tyer");
  if (/^\d{4}$/.test(year ?? "") && /^\d{4}$/.test(day) && !found.texts("tdrc").length) {
    found.add("tdrc", [`${year}-${day.slice(2)}-${day.slice(0, 2)}`]);
  }
}

/**
 * @param {Bytes} bytes
 * @param {Data} head of a frame of ID3v2.4
 * @param {number} from
 * @param {number} end
 * @returns {Promise<number>} its size, which old iTunes wrote in eight bits a byte: as another frame follows
 */
async function sizeOf(bytes, head, from, end) {
  const [size, other] = [synchsafe(head, 4), u32(head, 4)];
  if (size === other) return size;
  const follows = async (/** @type {number} */ place) =>
    place === end || (place < end && /^([A-Z0-9]{4}|\0{1,4})$/.test(letters(await bytes.at(place, 4), 0, 4)));
  return !(await follows(from + size)) && (await follows(from + other)) ? other : size;
}

/**
 * @param {Tag} tag
 * @param {{from: number, size: number, flags: number}} frame
 * @param {number} most
 * @returns {Promise<Data>} what is in a frame, up to so much; nothing where it is packed or encrypted
 */
async function contents({ bytes, version, isUnsynchronised }, { from, size, flags }, most) {
  const isNew = version === 4;
  if (flags & (isNew ? 0x0c : 0xc0)) return new Uint8Array(0);
  const group = flags & (isNew ? 0x40 : 0x20) ? 1 : 0;
  const before = Math.min(size, group + (isNew && flags & 1 ? 4 : 0));
  const data = await bytes.at(from + before, Math.min(size - before, most));
  return isUnsynchronised || (isNew && flags & 2) ? synchronised(data) : data;
}

/** @param {Found} found @param {string} name @param {Data} data */
function addTexts(found, name, data) {
  const [first, ...others] = textsOf(data);
  if (first === undefined) return;
  if (name === "TXXX") {
    found.add(first, others);
    return;
  }
  const known = found.texts(name.toLowerCase()); // of a frame before, which there should not be
  found.add(name, [first, ...others].filter((text) => !known.includes(text)));
}

/** @param {Data} data @param {number} from @param {boolean} isWide @returns {number} where a text ends */
function endOf(data, from, isWide) {
  if (!isWide) {
    const end = data.indexOf(0, from);
    return end < 0 ? data.length : end;
  }
  let end = from;
  while (end + 1 < data.length && (data[end] || data[end + 1])) end += 2;
  return end + 1 < data.length ? end : data.length;
}

/** @param {Data} data an encoding and texts with zeros between them @returns {string[]} */
function textsOf(data) {
  const encoding = data[0];
  if (!(encoding <= 3)) return [];
  const isWide = encoding === 1 || encoding === 2;
  const made = [];
  let decoder = encoding === 1 ? UTF_16.le : UTF_16.be;
  for (let from = 1; from < data.length;) {
    const end = endOf(data, from, isWide);
    const text = data.subarray(from, end);
    const mark = encoding === 1 ? u16(text, 0) : 0;
    if (mark === 0xfeff) decoder = UTF_16.be;
    else if (mark === 0xfffe) decoder = UTF_16.le;
    made.push(isWide ? decoder.decode(text) : encoding === 3 ? utf8(text) : latin(text));
    from = end + (isWide ? 2 : 1);
  }
  return made;
}

/**
 * @param {Tag} tag
 * @param {{from: number, size: number, flags: number}} frame
 * @param {boolean} isWhole
 */
async function addPicture(tag, frame, isWhole) {
  if (!isWhole) return;
  const head = await contents(tag, frame, 256);
  const kind = head[behindMime(head, tag.version)];
  tag.found.addPicture(kind, frame.size, async () => {
    const data = await contents(tag, frame, frame.size);
    const isWide = data[0] === 1 || data[0] === 2;
    const end = endOf(data, behindMime(data, tag.version) + 1, isWide); // of what is said of it
    return data.subarray(end + (isWide ? 2 : 1));
  });
}

/** @param {Data} data of a picture's frame @param {number} version @returns {number} where its kind stands */
function behindMime(data, version) {
  return version === 2 ? 4 : endOf(data, 1, false) + 1;
}

// --- ID3v1 -----------------------------------------------------------------------------------------------

/**
 * Add what ID3v2 does not say.
 * @param {Bytes} bytes
 * @param {Found} found
 * @returns {Promise<number>} how long the tag is
 */
export async function readId3v1(bytes, found) {
  if (bytes.size < 128) return 0;
  const data = await bytes.at(bytes.size - 128, 128);
  if (letters(data, 0, 3) !== "TAG" || letters(data, 3, 2) === "EX") return 0; // APETAGEX
  const add = (/** @type {string} */ name, /** @type {number} */ from, /** @type {number} */ count) => {
    const text = data.subarray(from, from + count);
    if (!found.texts(name).length) found.add(name, [latin(text.subarray(0, endOf(text, 0, false))).trim()]);
  };
  add("tit2", 3, 30);
  add("tpe1", 33, 30);
  add("talb", 63, 30);
  add("tdrc", 93, 4);
  if (!data[125] && data[126] && !found.texts("trck").length) found.add("trck", [String(data[126])]);
  return 128;
}

// --- frames of MPEG --------------------------------------------------------------------------------------

/** Kilobits a second by layer, of MPEG 1 and of MPEG 2. */
const RATES = [
  [[], [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]],
  [[], [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]],
];
const SAMPLE_RATES = [44_100, 48_000, 32_000];

/**
 * @param {Data} data
 * @param {number} at
 * @returns {{sampleRate: number, bitRate: number, samples: number, size: number, xing: number} | null}
 */
function frameAt(data, at) {
  if (data[at] !== 0xff || (data[at + 1] & 0xe0) !== 0xe0) return null;
  const version = (data[at + 1] >> 3) & 3; // 3: MPEG 1, 2: MPEG 2, 0: 2.5
  const layer = 4 - ((data[at + 1] >> 1) & 3);
  const isFirst = version === 3;
  const bitRate = 1000 * (RATES[isFirst ? 0 : 1][layer]?.[(data[at + 2] >> 4) - 1] ?? 0);
  const sampleRate = (SAMPLE_RATES[(data[at + 2] >> 2) & 3] ?? 0) >> (isFirst ? 0 : version === 2 ? 1 : 2);
  if (version === 1 || !bitRate || !sampleRate) return null;
  const samples = layer === 1 ? 384 : layer === 3 && !isFirst ? 576 : 1152;
  const slot = layer === 1 ? 4 : 1;
  const size = slot * (Math.floor(samples / 8 / slot * bitRate / sampleRate) + ((data[at + 2] >> 1) & 1));
  const isMono = data[at + 3] >> 6 === 3;
  const xing = at + (isFirst ? (isMono ? 21 : 36) : isMono ? 13 : 21);
  return { sampleRate, bitRate, samples, size, xing };
}

/**
 * @param {Bytes} bytes
 * @param {number} place behind tags
 * @param {number} end where tags begin again
 * @returns {Promise<number>} seconds: as the first frame says, else as all are of one bit rate; 0 for no MPEG
 */
export async function durationOfMpeg(bytes, place, end) {
  const data = await bytes.at(place, MOST_BEFORE);
  for (let at = data.indexOf(0xff); at >= 0; at = data.indexOf(0xff, at + 1)) {
    const frame = frameAt(data, at);
    if (!frame) continue;
    const next = frameAt(data, at + frame.size);
    const isLast = place + at + frame.size >= end;
    if (!isLast && next?.sampleRate !== frame.sampleRate) continue;
    const samples = samplesOf(data, at, frame);
    return samples ? samples / frame.sampleRate : 8 * (end - place - at) / frame.bitRate;
  }
  return 0;
}

/**
 * @param {Data} data
 * @param {number} at
 * @param {{samples: number, xing: number}} frame
 * @returns {number} what a header in place of the first frame's sound says; 0 without one
 */
function samplesOf(data, at, { samples, xing }) {
  if (letters(data, at + 36, 4) === "VBRI") return samples * u32(data, at + 50);
  if (!["Xing", "Info"].includes(letters(data, xing, 4)) || !(data[xing + 7] & 1)) return 0;
  const flags = data[xing + 7];
  const all = samples * u32(data, xing + 8);
  const lame = xing + 12 + (flags & 2 ? 4 : 0) + (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0);
  if (!/^L/.test(letters(data, lame, 1))) return all; // LAME, Lavc
  const silence = u24(data, lame + 21); // twelve bits of what is before, twelve of what is behind
  return Math.max(0, all - (silence >> 12) - (silence & 0xfff)) || all;
}
