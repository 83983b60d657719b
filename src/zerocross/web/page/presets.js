// @ts-check
/**
 * Presets as texts: Equalizer APO's configurations and AutoEq's, for one equaliser of both channels.
 *
 * What a line means is what it means to Python's `read_preset` in a stereo stream, which does more: what it applies
 * and this page cannot is told with the lines that nobody applies.
 */

import { centresAt, fitBands, fitErrorDb, summed } from "./curve.js";
import { BOTH, LEFT, MOST_LINES, RIGHT, Reader } from "./reader.js";

/**
 * @typedef {import("./values.js").Band} Band
 * @typedef {import("./reader.js").Skipped} Skipped
 * @typedef {import("./reader.js").Step} Step
 */

/** How many bands the page's equaliser has. */
export const MOST_BANDS = 64;

const MOST_BYTES = 1 << 20;
const MOST_LINE_DB = 60;
const RATES = [1000, 10e6];
const CURE = "give an Equalizer APO configuration or an AutoEq file";
/** @type {Record<string, string>} */
const WORDS = {
  peaking: "PK", lowpass: "LP", highpass: "HP", bandpass: "BP", notch: "NO", allpass: "AP", lowshelf: "LSC",
  highshelf: "HSC",
};

/**
 * Read a preset for a stereo stream. Bands at or above half the sample rate let everything pass.
 * @param {string | ArrayBuffer | Uint8Array} bytesOrText in any coding; a text is decoded already
 * @param {number} sampleRate in Hz
 * @param {number} room for how many bands
 * @returns {{preampDb: number, bands: Band[], curveErrorDb: number, skipped: Skipped[]}} bands are kind, Hz, Q and dB,
 *   at most as many as there is room for; a GraphicEQ has become bands, which stay `curveErrorDb` from it (0 without one)
 * @throws {Error} for what is no preset, longer than 1 MiB or than 10,000 lines, or cannot be applied here at all
 */
export function parsePreset(bytesOrText, sampleRate, room = MOST_BANDS) {
  if (!(sampleRate >= RATES[0] && sampleRate <= RATES[1])) {
    throw new RangeError(`a sample rate of ${sampleRate} Hz: give ${RATES[0]} to ${RATES[1]}`);
  }
  const reader = new Reader(sampleRate);
  reader.parse(decoded(bytesOrText));
  const steps = within(linked(reader.steps, reader), sampleRate, room, reader);
  const skipped = reader.finish();
  if (!steps.length && !reader.isConditional) {
    const why = skipped.length ? ` (${skipped[0].reason})` : "";
    throw new Error(reader.isUnderstood
      ? `nothing in it can be applied here${why}; ${CURE} for both channels`
      : `nothing in it is a preset${why}; ${CURE}`);
  }
  let preampDb = 0;
  /** @type {Band[]} */
  const bands = [];
  const curves = [];
  for (const step of steps) {
    if (step.kind === "preamp") preampDb += step.value;
    else if (step.kind === "band") bands.push(step.value);
    else curves.push(step.value);
  }
  if (!curves.length) return { preampDb, bands, curveErrorDb: 0, skipped };
  const curve = summed(curves);
  const fitted = fitBands(curve, sampleRate);
  return { preampDb, bands: [...bands, ...fitted], curveErrorDb: fitErrorDb(curve, fitted, sampleRate), skipped };
}

/**
 * Write bands as Equalizer APO has them; `parsePreset` and Python's `read_preset` read the same ones back.
 * @param {{preampDb: number, bands: Band[]}} setting
 * @throws {Error} for values that no preset can have
 */
export function writePreset({ preampDb, bands }) {
  const lines = [];
  let left = preampDb;
  for (; Math.abs(left) > MOST_LINE_DB && lines.length < MOST_LINES; left -= Math.sign(left) * MOST_LINE_DB) {
    lines.push(`Preamp: ${Math.sign(left) * MOST_LINE_DB} dB`);
  }
  lines.push(`Preamp: ${left} dB`);
  bands.forEach(([kind, hz, q, gain], k) => {
    const level = ["peaking", "lowshelf", "highshelf"].includes(kind) ? ` Gain ${gain} dB` : "";
    // Three digits behind the point would be read as thousands.
    const corner = /\.\d{3}$/.test(String(hz)) ? `${hz}0` : String(hz);
    lines.push(`Filter ${k + 1}: ON ${WORDS[kind]} Fc ${corner} Hz${level} Q ${q}`);
  });
  const reader = new Reader(RATES[1]);
  reader.parse(lines.join("\n"));
  const [wrong] = reader.skipped;
  if (wrong) throw new Error(`'${wrong.text}' would not be read again: ${wrong.reason}`);
  return `${lines.join("\n")}\n`;
}

/**
 * @param {string | ArrayBuffer | Uint8Array} bytesOrText
 * @returns {string}
 */
function decoded(bytesOrText) {
  const isText = typeof bytesOrText === "string";
  const bytes = isText || bytesOrText instanceof Uint8Array ? bytesOrText : new Uint8Array(bytesOrText);
  if (bytes.length > MOST_BYTES) throw new Error("longer than 1 MiB; that is no preset");
  if (typeof bytes === "string") return bytes;
  if (!bytes.length) throw new Error("the file is empty (0 bytes); copy it again");
  const starts = (/** @type {number[]} */ ...mark) => mark.every((each, k) => bytes[k] === each);
  if (starts(0xef, 0xbb, 0xbf)) return new TextDecoder().decode(bytes);
  if (starts(0xff, 0xfe)) return new TextDecoder("utf-16le").decode(bytes);
  if (starts(0xfe, 0xff)) return new TextDecoder("utf-16be").decode(bytes);
  const zeros = bytes.filter((each, k) => k % 2 === 1 && each === 0).length;
  if (bytes.length >= 4 && zeros > Math.floor(bytes.length / 4)) return new TextDecoder("utf-16le").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    let text = ""; // ISO 8859-1; a TextDecoder of that name is another one's
    for (const each of bytes) text += String.fromCharCode(each);
    return text;
  }
}

/**
 * Keep what both channels get: what is said of both, and pairs of the same for each. The others are told.
 * @param {Step[]} steps
 * @param {Reader} reader
 * @returns {(Step & {lines: Step[]})[]} what each stands for: one line, or one of each channel
 */
function linked(steps, reader) {
  const trim = (/** @type {number} */ side) =>
    steps.reduce((sum, step) => (step.kind === "preamp" && step.channels === side ? sum + step.value : sum), 0);
  const isSameTrim = Math.abs(trim(LEFT) - trim(RIGHT)) <= 1e-9;
  const isSettled = (/** @type {Step} */ step) => step.channels === BOTH || (isSameTrim && step.kind === "preamp");
  const key = (/** @type {Step} */ step) => `${step.kind} ${JSON.stringify(step.value)}`;
  /** @type {Map<string, Step[]>} */
  const waiting = new Map();
  for (const step of steps) {
    if (isSettled(step) || step.channels !== RIGHT) continue;
    waiting.set(key(step), [...(waiting.get(key(step)) ?? []), step]);
  }
  const kept = [];
  const alone = [];
  for (const step of steps) {
    if (step.channels === RIGHT) continue;
    const other = isSettled(step) ? step : waiting.get(key(step))?.shift();
    if (other) kept.push({ ...step, lines: [...new Set([step, other])] });
    else alone.push(step);
  }
  for (const step of [...alone, ...[...waiting.values()].flat()]) {
    const side = step.channels === LEFT ? "L" : "R";
    reader.tell(`it is for ${side} alone: the page has one equaliser for both channels`, step);
  }
  return kept;
}

/**
 * Keep what there are bands for; the others are told.
 * @param {(Step & {lines: Step[]})[]} steps
 * @param {number} sampleRate
 * @param {number} room
 * @param {Reader} reader
 */
function within(steps, sampleRate, room, reader) {
  const fitted = centresAt(sampleRate).length;
  let count = 0;
  let isCurved = false;
  return steps.filter((step) => {
    const more = { preamp: 0, band: 1, curve: isCurved ? 0 : fitted }[step.kind];
    if (count + more > room) {
      const many = more > 1 ? `with the ${more} bands of its curve there are` : "there are";
      for (const each of step.lines) reader.tell(`${many} more than ${room}: the page's equaliser is full`, each);
      return false;
    }
    count += more;
    isCurved ||= step.kind === "curve";
    return true;
  });
}
