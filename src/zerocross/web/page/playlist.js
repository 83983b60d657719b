// @ts-check
/**
 * What playlists name, and the order of files: by the rules of Python (`sources/playlists.py`), as far as a page,
 * which is given files and no folders, can follow them.
 */

/** @typedef {{path: string, title?: string, durationS?: number}} Entry */

import { clean } from "./tags_fields.js";

/** Those of Python's endings that some browser decodes. */
const AUDIO = new Set([
  ".aac", ".aif", ".aifc", ".aiff", ".caf", ".flac", ".m4a", ".m4b", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav",
  ".wave",
]);
const PLAYLISTS = new Set([".m3u", ".m3u8", ".pls", ".xspf"]);

const MOST_LETTERS = 4 << 20;
const MOST_ENTRIES = 100_000;
const MOST_LINE = 4096;
/** Letters of one track of an XSPF. */
const MOST_TRACK = 32_768;

/** @param {string} name @returns {string} its ending in lower case, with the point */
function endingOf(name) {
  const bare = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1).replace(/^\.+/, "");
  const point = bare.lastIndexOf(".");
  return point < 0 ? "" : bare.slice(point).toLowerCase();
}

/** @param {string} name @returns {boolean} whether a file that is called so is audio that some browser decodes */
export const isAudio = (name) => AUDIO.has(endingOf(name));

/** @param {string} name @returns {boolean} whether `parsePlaylist` reads a file that is called so */
export const isPlaylist = (name) => PLAYLISTS.has(endingOf(name));

// --- playlists -------------------------------------------------------------------------------------------

/**
 * Read a playlist: M3U, PLS or XSPF, by its name's ending.
 *
 * Paths stay as they are written, relative or not; of `file:` URLs the path is taken, and other addresses than
 * those of http and https are left out, as are those of other machines.
 * @param {string} text
 * @param {string} name
 * @returns {Entry[]} in order; none where it is longer than playlists are
 */
export function parsePlaylist(text, name) {
  if (text.length > MOST_LETTERS) return [];
  const ending = endingOf(name);
  const read = ending === ".pls" ? plsOf : ending === ".xspf" ? xspfOf : m3uOf;
  /** @type {Entry[]} */
  const made = [];
  for (const { path, title, seconds } of read(text.replace(/^\ufeff/, ""))) {
    const place = pathOf(path);
    if (!place || made.length >= MOST_ENTRIES) continue;
    /** @type {Entry} */
    const entry = { path: place };
    const shown = clean([title.slice(0, MOST_LINE)]);
    if (shown) entry.title = shown;
    if (seconds > 0 && Number.isFinite(seconds)) entry.durationS = seconds;
    made.push(entry);
  }
  return made;
}

/** @param {string} written @returns {string} what can be opened; nothing for what cannot */
function pathOf(written) {
  if (written.length > MOST_LINE || written.includes("\0")) return "";
  if (!/^file:/i.test(written)) {
    const isUrl = /^[a-z][a-z0-9+.-]{0,20}:\/\//i.test(written);
    return !isUrl || /^https?:/i.test(written) ? written : "";
  }
  const [, machine = "", path] = /^file:(?:\/\/([^/]*))?(.*)$/i.exec(written) ?? ["", "", ""];
  const plain = ["", "localhost"].includes(machine.toLowerCase()) ? decoded(path) : "";
  return plain.includes("\0") ? "" : plain.replace(/^\/(?=[a-z]:)/i, ""); // of Windows
}

/** @param {string} text of a URL @returns {string} */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // its bytes are no UTF-8
  }
}

/** @typedef {{path: string, title: string, seconds: number}} Line */

/** @param {string} text @returns {Generator<Line>} */
function* m3uOf(text) {
  let [title, seconds] = ["", 0];
  for (const line of linesOf(text)) {
    const named = /^#EXTINF:([^,]{0,200}),(.*)/i.exec(line);
    if (named) [title, seconds] = [named[2], parseFloat(named[1])];
    else if (line && !line.startsWith("#")) {
      yield { path: line, title, seconds };
      [title, seconds] = ["", 0];
    }
  }
}

/** @param {string} text @returns {Line[]} in the order of their numbers; of several of one number the first */
function plsOf(text) {
  /** @type {Map<number, Map<string, string>>} */
  const found = new Map();
  for (const line of linesOf(text)) {
    const [, kind, digits, value] = /^(file|title|length)(\d{1,7})\s*=\s*(.+)$/i.exec(line) ?? [];
    if (!value) continue;
    const one = found.get(Number(digits)) ?? new Map();
    if (!one.has(kind.toLowerCase())) one.set(kind.toLowerCase(), value);
    found.set(Number(digits), one);
  }
  return [...found.keys()].sort((a, b) => a - b).flatMap((number) => {
    const one = found.get(number);
    const path = one?.get("file");
    return path ? [{ path, title: one?.get("title") ?? "", seconds: Number(one?.get("length") ?? 0) }] : [];
  });
}

/** @param {string} text @returns {string[]} */
function linesOf(text) {
  return text.split(/\r\n|\r|\n/).map((line) => line.trim());
}

/** @param {string} text @returns {Generator<Line>} */
function* xspfOf(text) {
  for (let at = after(text, "<track>", 0); at >= 0; at = after(text, "<track>", at)) {
    const end = text.indexOf("</track>", at);
    if (end < 0) return;
    const track = text.slice(at, Math.min(end, at + MOST_TRACK));
    const place = elementOf(track, "location");
    // A place is a URL: what is relative is decoded, what is read as one stays.
    const path = /^[a-z][a-z0-9+.-]{0,20}:/i.test(place) ? place : decoded(place);
    if (path) yield { path, title: elementOf(track, "title"), seconds: Number(elementOf(track, "duration")) / 1000 };
    at = end;
  }
}

/** @param {string} text @param {string} what @param {number} from @returns {number} where it is over, or -1 */
function after(text, what, from) {
  const at = text.indexOf(what, from);
  return at < 0 ? -1 : at + what.length;
}

/** @param {string} track @param {string} name @returns {string} what is in its first element that is called so */
function elementOf(track, name) {
  const from = after(track, `<${name}>`, 0);
  const end = track.indexOf(`</${name}>`, from);
  if (from < 0 || end < 0) return "";
  const text = track.slice(from, end).trim();
  const literal = text.startsWith("<![CDATA[") && text.endsWith("]]>");
  return literal ? text.slice(9, -3).trim() : text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]{2,4});/gi, entityOf);
}

/** @param {string} whole @param {string} name @returns {string} */
function entityOf(whole, name) {
  const known = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" }[name];
  if (!name.startsWith("#")) return known ?? whole;
  const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
  return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
}

// --- order -----------------------------------------------------------------------------------------------

/**
 * Sort files as folders are read: numbers in order, letters of either case alike, what is in a folder together.
 * @template {{name: string, webkitRelativePath?: string}} Named
 * @param {Iterable<Named>} files
 * @returns {Named[]}
 */
export function inOrder(files) {
  const keyed = [...files].map((file) => ({ file, key: keyOf(file.webkitRelativePath || file.name) }));
  return keyed.sort((a, b) => compare(a.key, b.key)).map(({ file }) => file);
}

/** @typedef {{raw: string, parts: string[]}} Step a folder with a stroke behind it, or the file */

/** @param {string} path @returns {Step[]} */
function keyOf(path) {
  const steps = path.match(/[^/]*\/|[^/]+$/g) ?? [];
  return steps.map((raw) => ({ raw, parts: raw.split(/(\d+)/).map(folded) })); // every second one is a number
}

/** @param {string} part @param {number} k @returns {string} */
function folded(part, k) {
  return k % 2 ? part.replace(/^0+(?=\d)/, "") : part.toUpperCase().toLowerCase(); // also ß, which is SS
}

/** @param {Step[]} one @param {Step[]} other @returns {number} */
function compare(one, other) {
  for (let k = 0; k < Math.min(one.length, other.length); k++) {
    const order = compareParts(one[k].parts, other[k].parts) || lexical(one[k].raw, other[k].raw);
    if (order) return order;
  }
  return one.length - other.length;
}

/** @param {string[]} one @param {string[]} other @returns {number} */
function compareParts(one, other) {
  for (let k = 0; k < Math.min(one.length, other.length); k++) {
    const longer = k % 2 ? one[k].length - other[k].length : 0; // of numbers, however long
    const order = longer || lexical(one[k], other[k]);
    if (order) return order;
  }
  return one.length - other.length;
}

/** @param {string} one @param {string} other @returns {number} */
const lexical = (one, other) => (one < other ? -1 : Number(one > other));
