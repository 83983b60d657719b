// @ts-check
/**
 * What a file says of itself, within bounds: its bytes, the names and values in them, the cover, the duration.
 *
 * Tags are other people's bytes: what is read, kept and shown of them is bounded. The names of fields, which of
 * them counts first, and how several values become one line are those of Python (`sources/tags.py`).
 */

/**
 * @typedef {Uint8Array<ArrayBuffer>} Data
 * @typedef {{trackDb?: number, trackPeak?: number, albumDb?: number, albumPeak?: number}} ReplayGain
 * @typedef {{title?: string, artist?: string, album?: string, track?: number, date?: string,
 *   replayGain?: ReplayGain, cover?: {mime: string, data: Data}, durationS?: number}} Tags
 */

/** Bytes that are read of a file, and looks at them, at most. */
const MOST_BYTES = 12 << 20;
const MOST_LOOKS = 20_000;
/** Bytes of one read: a page of Ogg, and the head of the next. */
const WINDOW = 66_000;
const MOST_PICTURES = 20;
/** Bytes of a cover, and what may stand beside it in a frame or block. */
export const MOST_COVER = 8 << 20;
const MOST_BESIDE = 65_536;
const MOST_VALUES = 20;
const MOST_LETTERS = 1000;
/** Bytes of a text that are decoded: a letter has four at most. */
export const MOST_TEXT = 4 * MOST_LETTERS;
const MOST_COMMENTS = 10_000;
const MOST_NAME = 100;
/** The kind of picture that ID3 and FLAC call the front cover. */
export const FRONT = 3;

/** What each kind of tags calls a field, in lower case. The first name that a file has counts. */
const NAMES = {
  title: ["tit2", "\xa9nam", "title"],
  artist: ["tpe1", "\xa9art", "artist", "author"],
  album: ["talb", "\xa9alb", "album"],
  track: ["trck", "trkn", "tracknumber", "track"],
  date: ["tdrc", "\xa9day", "tyer", "date", "year"],
};
const GAINS = ["track", "album"].flatMap((of) => [`replaygain_${of}_gain`, `replaygain_${of}_peak`, `r128_${of}_gain`]);
const KNOWN = new Set([...Object.values(NAMES).flat(), ...GAINS]);
const LIMIT_DB = 60;

/** @type {[string, RegExp][]} what pictures begin with */
const PICTURES = [
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/png", /^\x89PNG\r\n\x1a\n/],
  ["image/gif", /^GIF8[79]a/],
  ["image/webp", /^RIFF[^]{4}WEBP/],
  ["image/bmp", /^BM[^]{12}[\x0c\x28\x6c\x7c]\0\0\0/],
];

const UTF_8 = new TextDecoder();
const STRICT = new TextDecoder("utf-8", { fatal: true });
const WINDOWS_1252 = new TextDecoder("windows-1252"); // Latin-1, and what most take for it

// --- numbers and texts in bytes: zero where there are none -----------------------------------------------

/** @param {Uint8Array} data @param {number} at */
export const u16 = (data, at) => (data[at] << 8) | data[at + 1];
/** @param {Uint8Array} data @param {number} at */
export const u24 = (data, at) => (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
/** @param {Uint8Array} data @param {number} at */
export const u32 = (data, at) => ((data[at] << 24) | u24(data, at + 1)) >>> 0;
/** @param {Uint8Array} data @param {number} at */
export const u64 = (data, at) => u32(data, at) * 2 ** 32 + u32(data, at + 4);
/** @param {Uint8Array} data @param {number} at */
export const u16le = (data, at) => data[at] | (data[at + 1] << 8);
/** @param {Uint8Array} data @param {number} at */
export const u32le = (data, at) => (u16le(data, at) | (u16le(data, at + 2) << 16)) >>> 0;
/** @param {Uint8Array} data @param {number} at */
export const u64le = (data, at) => u32le(data, at) + u32le(data, at + 4) * 2 ** 32;

/**
 * @param {Uint8Array} data
 * @param {number} from
 * @param {number} count a few
 * @returns {string} one letter a byte, as names of chunks are compared
 */
export function letters(data, from, count) {
  return String.fromCharCode(...data.subarray(from, from + count));
}

/** @param {Uint8Array} data */
export const utf8 = (data) => UTF_8.decode(data);
/** @param {Uint8Array} data */
export const latin = (data) => WINDOWS_1252.decode(data);

/** @param {Uint8Array} data @returns {string} text up to a zero, of no said encoding */
export function plain(data) {
  const end = data.indexOf(0);
  const text = end < 0 ? data : data.subarray(0, end);
  try {
    return STRICT.decode(text);
  } catch {
    return latin(text);
  }
}

/** @param {string} text @param {number} count @returns {string} its first letters */
function firstOf(text, count) {
  return text.length <= count ? text : [...text.slice(0, 2 * count)].slice(0, count).join("");
}

/** @param {string} letter */
function shown(letter) {
  const code = letter.codePointAt(0) ?? 0;
  const [sign, digits] = code > 0xffff ? ["U", 8] : code > 0xff ? ["u", 4] : ["x", 2];
  return `\\${sign}${code.toString(16).padStart(digits, "0")}`;
}

/**
 * @param {string[]} texts
 * @returns {string} one line that is not too long, with commas between them, and nothing that turns it around
 */
export function clean(texts) {
  const joined = firstOf(texts.map((text) => text.trim()).filter(Boolean).join(", "), MOST_LETTERS);
  const line = joined.split(/[\s\x1c-\x1f\x85]+/).filter(Boolean).join(" ");
  return line.replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, shown);
}

// --- reading within bounds -------------------------------------------------------------------------------

/** No more of a file is read: it would be too much for tags, or the file is gone. */
export class NoMore extends Error {}

/** A file, or a part of one in memory, of which no more is read than tags need. */
export class Bytes {
  /** @param {Blob} blob */
  constructor(blob) {
    this._blob = blob;
    this._left = MOST_BYTES;
    this._looks = MOST_LOOKS;
    this._start = 0;
    this._window = new Uint8Array(0);
    this.size = blob.size;
  }

  /**
   * @param {number} place
   * @param {number} count
   * @returns {Promise<Data>} as many of these bytes as are there
   */
  async at(place, count) {
    const from = Math.min(place, this.size);
    const to = Math.min(from + count, this.size);
    if (--this._looks < 0) throw new NoMore();
    if (from < this._start || to > this._start + this._window.length) {
      const end = Math.min(Math.max(to, from + WINDOW), this.size);
      this._left -= end - from;
      if (this._left < 0) throw new NoMore();
      const read = this._blob.slice(from, end).arrayBuffer();
      this._window = new Uint8Array(await read.catch(() => { throw new NoMore(); }));
      this._start = from;
    }
    return this._window.subarray(from - this._start, to - this._start);
  }
}

// --- what is found ---------------------------------------------------------------------------------------

/** @param {string | undefined} text @returns {number | undefined} what it begins with */
function numberOf(text) {
  const match = /^\s*([-+]?)\s*((?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?)/.exec(text ?? "");
  const number = match ? Number((match[1] + match[2]).replace(",", ".")) : NaN;
  return Number.isFinite(number) ? number : undefined;
}

/** Names, values and pictures of one file. */
export class Found {
  constructor() {
    /** @type {Map<string, string[]>} */
    this._texts = new Map();
    /** @type {{kind: number, load: () => Promise<Data>}[]} */
    this._pictures = [];
    this.durationS = 0;
  }

  /** Whether there is no text of any field. */
  get isEmpty() {
    return !this._texts.size;
  }

  /** @param {string} name in lower case @returns {string[]} */
  texts(name) {
    return this._texts.get(name) ?? [];
  }

  /**
   * Keep values of a name, where a field is called so.
   * @param {string} name
   * @param {string[]} texts
   */
  add(name, texts) {
    const key = name.toLowerCase();
    const kept = [...this.texts(key), ...texts.filter(Boolean)].slice(0, MOST_VALUES);
    if (KNOWN.has(key) && kept.length) this._texts.set(key, kept.map((text) => firstOf(text, MOST_LETTERS)));
  }

  /** Take over what another one has. @param {Found} other */
  addAll(other) {
    for (const [name, texts] of other._texts) this.add(name, texts);
    this._pictures.push(...other._pictures);
  }

  /**
   * Keep where a picture is; it is read where it is the cover.
   * @param {number} kind
   * @param {number} size of all that is loaded for it
   * @param {() => Promise<Data>} load returns its bytes; none where it is cut off
   */
  addPicture(kind, size, load) {
    const isFit = size > 0 && size <= MOST_COVER + MOST_BESIDE;
    if (isFit && this._pictures.length < MOST_PICTURES) this._pictures.push({ kind, load });
  }

  /** @returns {Promise<Tags>} */
  async tags() {
    /** @type {Tags} */
    const tags = {};
    const title = clean(this._first("title").slice(0, 1));
    const artist = clean(this._first("artist"));
    const album = clean(this._first("album").slice(0, 1));
    const date = clean(this._first("date").slice(0, 1));
    const track = Number(/^\s*(\d{1,5})(?!\d)/.exec(this._first("track")[0] ?? "")?.[1] ?? 0);
    if (title) tags.title = title;
    if (artist) tags.artist = artist;
    if (album) tags.album = album;
    if (track) tags.track = track;
    if (date) tags.date = date;
    const replayGain = this._replayGain();
    if (Object.keys(replayGain).length) tags.replayGain = replayGain;
    if (this.durationS > 0 && Number.isFinite(this.durationS)) tags.durationS = this.durationS;
    const cover = await this._cover();
    if (cover) tags.cover = cover;
    return tags;
  }

  /** @param {keyof typeof NAMES} field @returns {string[]} */
  _first(field) {
    const name = NAMES[field].find((each) => this._texts.has(each));
    return name ? this.texts(name) : [];
  }

  /** @returns {ReplayGain} */
  _replayGain() {
    /** @type {ReplayGain} */
    const made = {};
    for (const of of /** @type {const} */ (["track", "album"])) {
      const steps = numberOf(this.texts(`r128_${of}_gain`)[0]); // of 1/256 dB, towards -23 LUFS instead of -18
      const gain = numberOf(this.texts(`replaygain_${of}_gain`)[0]) ?? (steps === undefined ? NaN : steps / 256 + 5);
      const peak = numberOf(this.texts(`replaygain_${of}_peak`)[0]) ?? 0;
      if (Math.abs(gain) <= LIMIT_DB) made[`${of}Db`] = gain;
      if (peak > 0) made[`${of}Peak`] = peak;
    }
    return made;
  }

  /** @returns {Promise<{mime: string, data: Data} | undefined>} the front one, if it has several */
  async _cover() {
    const isBehind = (/** @type {{kind: number}} */ { kind }) => Number(kind !== FRONT);
    for (const { load } of this._pictures.sort((a, b) => isBehind(a) - isBehind(b))) {
      const data = await load().catch((error) => {
        if (error instanceof NoMore) return new Uint8Array(0);
        throw error;
      });
      const head = letters(data, 0, 20);
      const mime = PICTURES.find(([, beginning]) => beginning.test(head))?.[0];
      if (mime && data.length <= MOST_COVER) return { mime, data: data.slice() }; // without what is beside it
    }
    return undefined;
  }
}

// --- Vorbis comments and FLAC's pictures -----------------------------------------------------------------

/**
 * @param {Data} data a block of FLAC that is a picture
 * @returns {Data} what is shown of it; nothing where it is cut off
 */
export function pictureOf(data) {
  const description = 8 + u32(data, 4); // behind what it is
  const place = description + 4 + u32(data, description) + 16; // behind its size and colours
  const size = u32(data, place);
  const from = place + 4;
  return size && from + size <= data.length ? data.subarray(from, from + size) : new Uint8Array(0);
}

/** @param {Data} data letters of Base64 @returns {Data} */
function unpacked(data) {
  let binary;
  try {
    binary = atob(latin(data));
  } catch {
    return new Uint8Array(0);
  }
  const made = new Uint8Array(binary.length);
  for (let k = 0; k < made.length; k++) made[k] = binary.charCodeAt(k);
  return made;
}

/**
 * @param {Data} data
 * @param {number} at where the comments begin
 * @param {Found} found
 */
export function readComments(data, at, found) {
  let place = at + 4 + u32le(data, at); // behind who wrote it
  let left = Math.min(u32le(data, place), MOST_COMMENTS);
  place += 4;
  for (; left > 0 && place + 4 < data.length; left--) {
    const from = place + 4;
    place = from + u32le(data, place);
    const name = data.subarray(from, Math.min(from + MOST_NAME, place));
    const equals = name.indexOf(0x3d);
    if (equals < 0 || place > data.length) continue;
    const value = data.subarray(from + equals + 1, place);
    const key = utf8(name.subarray(0, equals)).toLowerCase();
    if (key === "metadata_block_picture") {
      const kind = u32(unpacked(value.subarray(0, 8)), 0);
      found.addPicture(kind, 0.75 * value.length, async () => pictureOf(unpacked(value)));
    } else {
      found.add(key, [utf8(value.subarray(0, MOST_TEXT))]);
    }
  }
}
