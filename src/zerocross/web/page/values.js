// @ts-check
/**
 * What the lines of a preset say: gains, filters and curves, from text. The grammar and the arithmetic are those of
 * eq/presets/values.py, which says where they come from.
 */

/** @typedef {[kind: string, hz: number, q: number, gainDb: number]} Band */

/** Why a line is not applied. */
export class Unapplied extends Error {}

const MOST_POINTS = 10_000;
const MOST_DB = 60;
const MOST_CURVE_DB = 1e6; // below 0
const Q_LIMITS = [0.01, 1000];
const HZ_LIMITS = [0.1, 400_000];
const SHELF_SLOPE = 0.9;
const MOST_OCTAVES = 100;

/** @type {Record<string, string>} */
const KINDS = {
  PK: "peaking", PEQ: "peaking", MODAL: "peaking", LP: "lowpass", LPQ: "lowpass", HP: "highpass", HPQ: "highpass",
  BP: "bandpass", NO: "notch", AP: "allpass", LS: "lowshelf", LSC: "lowshelf", HS: "highshelf", HSC: "highshelf",
};
/** @type {Record<string, number>} */
const WIDTHS = { lowpass: Math.SQRT1_2, highpass: Math.SQRT1_2, bandpass: Math.SQRT1_2, notch: 30 };

/** A space as Python has it: JavaScript's own has U+FEFF as well, and not five others. */
const S = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const NO_BREAK = /[\u00a0\u202f]/g; // some countries part thousands with them
const NUMBER = String.raw`([-+]?(?:\d[\d.,\u00a0\u202f]*|[.,]\d+)(?:e[-+]?\d{1,3})?)`;
const IS_SPACE = new RegExp(S);
const SPACES = new RegExp(`${S}+`);
const FILTER = new RegExp(`^(ON|OFF)${S}+([A-Z]+)(.*)$`, "is");
const VALUES = {
  slope: new RegExp(`^${S}*${NUMBER}${S}*dB(?![A-Z])`, "i"),
  gain: new RegExp(`${S}Gain${S}*${NUMBER}`, "i"),
  q: new RegExp(`${S}Q${S}*${NUMBER}`, "i"),
  octaves: new RegExp(`${S}BW${S}+Oct${S}*${NUMBER}`, "i"),
};
const FREQUENCY = new RegExp(`${S}Fc${S}*${NUMBER}${S}*(k?H${S}*z)?`, "i");
const GAIN = new RegExp(String.raw`^${NUMBER}${S}*(?:dB(?![\p{L}\p{N}_])|${S}|$)`, "iu");
const POINT = /[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?/gi;
const BETWEEN_POINTS = new RegExp(`${S}|[;,|]|Hz|dB`, "gi");
const HIDDEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Cut off spaces at both ends.
 * @param {string} text
 */
export function strip(text) {
  let [from, to] = [0, text.length];
  while (from < to && IS_SPACE.test(text[from])) from++;
  while (from < to && IS_SPACE.test(text[to - 1])) to--;
  return text.slice(from, to);
}

/** @param {string} text @returns {string[]} its words */
export function wordsOf(text) {
  return text.split(SPACES).filter(Boolean);
}

/** @param {string} text @param {number} most letters; of Unicode, of which some are two of JavaScript's */
export function isLonger(text, most) {
  return text.length > most && (text.length > 2 * most || [...text].length > most);
}

/** @param {string} text @param {number} most letters @returns {string} the first of them */
export function first(text, most) {
  return [...text.slice(0, 2 * most)].slice(0, most).join("");
}

/**
 * A text on one line that moves no cursor and turns nothing around: such letters are shown by their numbers.
 * @param {string} text
 */
export function printable(text) {
  return text.replace(HIDDEN, (each) => {
    const code = Number(each.codePointAt(0)).toString(16);
    if (code.length > 4) return `\\U${code.padStart(8, "0")}`;
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });
}

/**
 * Write digits of all scripts as 0 to 9: Python reads them as numbers.
 * @param {string} text
 */
export function plainDigits(text) {
  return text.replace(/(?![0-9])\p{Nd}/gu, (each) => {
    const code = /** @type {number} */ (each.codePointAt(0));
    let before = 0; // they stand in tens, each ten from 0 to 9
    while (/\p{Nd}/u.test(String.fromCodePoint(code - before - 1))) before++;
    return String(before % 10);
  });
}

/** @param {number} number @returns {string} six digits of it at most */
function shown(number) {
  return String(Number(number.toPrecision(6)));
}

/** @param {string} text @returns {number} one with a decimal point or comma */
function numberOf(text) {
  let plain = text.replace(NO_BREAK, "");
  if (plain.includes(",") && plain.includes(".")) { // the last of them is the decimal one
    plain = plain.replaceAll(plain.lastIndexOf(".") > plain.lastIndexOf(",") ? "," : ".", "");
  }
  const number = Number(plain.replaceAll(",", "."));
  if (!Number.isFinite(number)) throw new Unapplied(`'${first(text, 20)}' is not a number`);
  return number;
}

/**
 * A frequency in Hz; three digits after the only point or comma are thousands (REW).
 * @param {string} text
 * @param {string} unit
 */
function frequencyOf(text, unit) {
  if (/k/i.test(unit)) return 1000 * numberOf(text);
  const plain = text.replace(NO_BREAK, "");
  const points = plain.match(/[.,]/g) ?? [];
  if (points.length > 1 && /^\d{1,3}(,\d{3})+(\.\d+)?$/.test(plain)) return Number(plain.replaceAll(",", ""));
  const partsThousands = points.length === 1 && /.[.,].{3}$/.test(plain) && !/e/i.test(plain);
  return numberOf(text) * (partsThousands ? 1000 : 1);
}

/** @param {string} value @returns {number} what a `Preamp` says, in dB */
export function gainOf(value) {
  const match = GAIN.exec(value);
  if (!match) throw new Unapplied(`'${first(value, 20)}' is not a gain`);
  const number = numberOf(match[1]);
  if (Math.abs(number) > MOST_DB) throw new Unapplied(`${shown(number)} dB is beyond ${MOST_DB} dB`);
  return number;
}

/**
 * What a `Filter` says, for a sample rate in Hz.
 * @param {string} value
 * @param {number} sampleRate
 * @returns {Band}
 */
export function bandOf(value, sampleRate) {
  const match = FILTER.exec(value);
  if (!match) throw new Unapplied("it does not say ON, and what filter");
  if (match[1].toUpperCase() === "OFF") throw new Unapplied("it is switched off");
  const [name, rest] = [match[2].toUpperCase(), match[3]];
  if (!Object.hasOwn(KINDS, name)) throw new Unapplied(`filters of type '${name.slice(0, 10)}' are not supported`);
  const frequency = FREQUENCY.exec(rest);
  if (!frequency) throw new Unapplied("it has no frequency (Fc)");
  /** @type {Record<string, number>} */
  const numbers = {};
  for (const [key, pattern] of Object.entries(VALUES)) {
    const found = pattern.exec(rest);
    if (found) numbers[key] = numberOf(found[1]);
  }
  return checked(KINDS[name], name, frequencyOf(frequency[1], frequency[2] ?? ""), numbers, sampleRate);
}

/**
 * @param {string} kind
 * @param {string} name
 * @param {number} corner in Hz
 * @param {Record<string, number>} numbers
 * @param {number} sampleRate
 * @returns {Band}
 */
function checked(kind, name, corner, numbers, sampleRate) {
  const isShelf = kind.endsWith("shelf");
  const hasGain = kind === "peaking" || isShelf;
  const { gain = 0 } = numbers;
  if (hasGain && !("gain" in numbers)) throw new Unapplied("it has no gain");
  if (!(HZ_LIMITS[0] <= corner && corner <= HZ_LIMITS[1])) {
    throw new Unapplied(`${shown(corner)} Hz is not within ${HZ_LIMITS[0]} and ${HZ_LIMITS[1]} Hz`);
  }
  if (Math.abs(gain) > MOST_DB) throw new Unapplied(`${shown(gain)} dB is beyond ${MOST_DB} dB`);
  const [hz, q] = isShelf ? shelfOf(name, numbers, corner, gain) : [corner, qOf(kind, numbers, corner, sampleRate)];
  if (!(hz > 0 && hz < Infinity)) throw new Unapplied("it has values that no filter can have");
  if (!(Q_LIMITS[0] <= q && q <= Q_LIMITS[1])) {
    throw new Unapplied(`a Q of ${shown(q)} is not within ${Q_LIMITS[0]} and ${Q_LIMITS[1]}`);
  }
  return [kind, hz, q, hasGain ? gain : 0];
}

/**
 * The Q of what is no shelf; one of 0 counts as none.
 * @param {string} kind
 * @param {Record<string, number>} numbers
 * @param {number} hz
 * @param {number} sampleRate
 */
function qOf(kind, numbers, hz, sampleRate) {
  if (numbers.q) return numbers.q;
  // A band beyond half the rate is not heard, whatever its width.
  if (numbers.octaves) return qOfBandwidth(numbers.octaves, Math.min(hz, 0.4999 * sampleRate), sampleRate);
  if (!(kind in WIDTHS)) throw new Unapplied("it has neither Q nor BW Oct");
  return WIDTHS[kind];
}

/**
 * The Q of a bandwidth in octaves, between -3 dB points (RBJ, Audio EQ Cookbook).
 * @param {number} octaves
 * @param {number} hz below half the sample rate
 * @param {number} sampleRate
 */
export function qOfBandwidth(octaves, hz, sampleRate) {
  if (!(octaves > 0 && octaves < MOST_OCTAVES)) {
    throw new Unapplied(`${shown(octaves)} octaves at ${shown(hz)} Hz: give a width above 0`);
  }
  const w = (2 * Math.PI * hz) / sampleRate;
  return 1 / (2 * Math.sinh(((Math.LN2 / 2) * octaves * w) / Math.sin(w)));
}

/**
 * The Q of a shelf's slope; 1 is the steepest without a bump (RBJ).
 * @param {number} slope
 * @param {number} gainDb
 */
function qOfSlope(slope, gainDb) {
  const a = 10 ** (gainDb / 40);
  const inner = slope > 0 ? (a + 1 / a) * (1 / slope - 1) + 2 : 0;
  if (inner <= 0) throw new Unapplied(`a shelf of ${shown(gainDb)} dB cannot have a slope of ${shown(slope)}`);
  return 1 / Math.sqrt(inner);
}

/**
 * A shelf's centre in Hz and its Q. LS and HS are given by where they begin if they have a Q or a slope, which is
 * 12 dB for a slope of 1; the corner is moved to the centre as a Behringer DCX2496 has it.
 * @param {string} name
 * @param {Record<string, number>} numbers
 * @param {number} hz
 * @param {number} gain
 * @returns {[hz: number, q: number]}
 */
function shelfOf(name, numbers, hz, gain) {
  let slope = (numbers.slope ?? 0) / 12;
  let q = numbers.q ?? 0;
  if (!slope && !q) return [hz, qOfSlope(SHELF_SLOPE, gain)];
  if (slope) q = qOfSlope(slope, gain);
  if (name.endsWith("C")) return [hz, q];
  if (!slope) {
    if (q < Q_LIMITS[0]) return [hz, q]; // refused
    const a = 10 ** (gain / 40);
    slope = 1 / ((1 / q ** 2 - 2) / (a + 1 / a) + 1);
  }
  const shift = 10 ** (Math.abs(gain) / 80 / slope);
  return [name === "LS" ? hz * shift : hz / shift, q];
}

/**
 * The points of a `GraphicEQ`, and what of it is left out.
 * @param {string} value
 * @returns {{points: [hz: number, db: number][], leftOut: string}}
 */
export function pointsOf(value) {
  const text = value.includes(".") ? value : value.replaceAll(",", ".");
  /** @type {number[]} */
  const numbers = [];
  for (const [found] of text.matchAll(POINT)) {
    numbers.push(numberOf(found));
    if (numbers.length > 2 * MOST_POINTS) throw new Unapplied(`more than ${MOST_POINTS} points`);
  }
  const strange = text.replace(POINT, " ").replace(BETWEEN_POINTS, "");
  if (strange) throw new Unapplied(`'${first(strange, 20)}' is not a frequency and a gain`);
  /** @type {[number, number][]} */
  const points = [];
  for (let k = 0; k + 1 < numbers.length; k += 2) points.push([numbers[k], numbers[k + 1]]);
  if (!points.length) throw new Unapplied("it has no points");
  for (const [hz, gain] of points) {
    if (!(0 <= hz && hz <= HZ_LIMITS[1] && -MOST_CURVE_DB <= gain && gain <= MOST_DB)) {
      throw new Unapplied(`${shown(hz)} Hz ${shown(gain)} dB is out of range`);
    }
  }
  return { points, leftOut: numbers.length % 2 ? `${shown(numbers[numbers.length - 1])} Hz has no gain` : "" };
}
