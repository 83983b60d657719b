// @ts-check
/** Curves given as points, fitted by peaking bands: the same least squares as eq/graphic.py. */

import { qOfBandwidth } from "./values.js";

/** @typedef {[hz: number, db: number][]} Points */

/** Centres a third of an octave apart: ISO 266. */
const CENTRES = [
  20, 25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000,
  1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000, 10_000, 12_500, 16_000, 20_000,
];
const OCTAVES = 1 / 3;
const FLOOR_DB = -100;
const ROUNDS = 12;
const FIT_POINTS = 300;
const ERROR_POINTS = 1000;
const HEARD_HZ = [20, 20_000];
const MOST_FITTED = 0.48; // of the sample rate
const MOST_STEP_DB = 6;
const MOST_DB = 40;
const STEP_DB = 0.1;
const LEAST = 1e-6; // of the largest; what is less is taken for nothing

/** @param {number} sampleRate @returns {number[]} the centres of the bands that a curve becomes, in Hz */
export function centresAt(sampleRate) {
  return CENTRES.filter((hz) => hz < MOST_FITTED * sampleRate);
}

/**
 * The level of a curve in dB: straight over the logarithm of Hz, flat beyond its ends. At points of the same
 * frequency it jumps; nothing is below -100 dB; a point at 0 Hz is heard at 0 Hz alone.
 * @param {Points} points
 * @param {number[]} frequencies in Hz
 * @returns {number[]}
 */
export function curveDb(points, frequencies) {
  const sorted = [...points].sort((a, b) => a[0] - b[0]); // of those at one frequency the order is kept
  return frequencies.map((wanted) => {
    let [low, high] = [0, sorted.length];
    while (low < high) { // the first one that is not below
      const middle = (low + high) >> 1;
      if (sorted[middle][0] < wanted) low = middle + 1;
      else high = middle;
    }
    const [hz, level] = sorted[Math.max(low - 1, 0)];
    const [nextHz, nextLevel] = sorted[Math.min(low, sorted.length - 1)];
    let share = 0;
    if (hz <= 0) share = 1;
    else if (low > 0 && low < sorted.length) share = Math.log(wanted / hz) / Math.log(nextHz / hz);
    return Math.max(level + share * (nextLevel - level), FLOOR_DB);
  });
}

/** @param {Points[]} curves @returns {Points} one for many */
export function summed(curves) {
  if (curves.length === 1) return curves[0];
  const hz = [...new Set(curves.flatMap((points) => points.map(([each]) => each)))].sort((a, b) => a - b);
  const levels = curves.map((points) => curveDb(points, hz));
  return hz.map((each, k) => [each, levels.reduce((sum, one) => sum + one[k], 0)]);
}

/**
 * Peaking bands a third of an octave apart that follow a curve.
 * @param {Points} points
 * @param {number} sampleRate in Hz, 1000 or more
 * @returns {import("./values.js").Band[]}
 */
export function fitBands(points, sampleRate) {
  const hz = centresAt(sampleRate);
  // As wide as they are apart, also where the bilinear transform squeezes them.
  const widths = hz.map((each) => qOfBandwidth(OCTAVES, each, sampleRate));
  const grid = heardHz(sampleRate, FIT_POINTS);
  const gains = gainsFor(hz, widths, curveDb(points, grid), grid, sampleRate);
  return hz.map((each, k) => ["peaking", each, widths[k], gains[k]]);
}

/**
 * How far bands of `fitBands` stay from a curve at most, in dB, from 20 Hz to 20 kHz or 0.48 of the sample rate.
 * @param {Points} points
 * @param {import("./values.js").Band[]} bands
 * @param {number} sampleRate
 */
export function fitErrorDb(points, bands, sampleRate) {
  const grid = heardHz(sampleRate, ERROR_POINTS);
  const angles = grid.map((each) => (2 * Math.PI * each) / sampleRate);
  const levels = bands.map(([, hz, q, gain]) => levelsOf((2 * Math.PI * hz) / sampleRate, q, gain, angles));
  const errors = curveDb(points, grid).map((level, i) => Math.abs(levels.reduce((sum, one) => sum + one[i], -level)));
  return Math.max(...errors);
}

/** @param {number} sampleRate @param {number} count @returns {number[]} frequencies that are heard, in Hz */
function heardHz(sampleRate, count) {
  const most = Math.min(HEARD_HZ[1], MOST_FITTED * sampleRate);
  const least = Math.min(HEARD_HZ[0], most / 2);
  return Array.from({ length: count }, (_, k) => least * (most / least) ** (k / (count - 1)));
}

/**
 * The gains of peaking bands whose sum comes closest to levels. Neighbours reach into each other; steps of least
 * squares settle that (Gauss-Newton).
 * @param {number[]} hz centres
 * @param {number[]} widths the Q of each
 * @param {number[]} levels in dB
 * @param {number[]} grid where they are, in Hz
 * @param {number} sampleRate
 */
function gainsFor(hz, widths, levels, grid, sampleRate) {
  const angles = grid.map((each) => (2 * Math.PI * each) / sampleRate);
  const levelOf = (/** @type {number} */ k, /** @type {number} */ gain) =>
    levelsOf((2 * Math.PI * hz[k]) / sampleRate, widths[k], gain, angles);
  const gains = hz.map(() => 0);
  for (let round = 0; round < ROUNDS; round++) {
    const now = gains.map((gain, k) => levelOf(k, gain));
    const slopes = gains.map((gain, k) => levelOf(k, gain + STEP_DB).map((more, i) => (more - now[k][i]) / STEP_DB));
    const missing = levels.map((level, i) => level - now.reduce((sum, each) => sum + each[i], 0));
    leastSquares(slopes, missing).forEach((step, k) => {
      const next = gains[k] + Math.min(MOST_STEP_DB, Math.max(-MOST_STEP_DB, step));
      gains[k] = Math.min(MOST_DB, Math.max(-MOST_DB, next));
    });
  }
  return gains;
}

/**
 * The level of a peaking band in dB (RBJ, Audio EQ Cookbook).
 * @param {number} centre as an angle
 * @param {number} q
 * @param {number} gainDb
 * @param {number[]} angles where
 */
function levelsOf(centre, q, gainDb, angles) {
  const a = 10 ** (gainDb / 40);
  const [c, alpha] = [Math.cos(centre), Math.sin(centre) / (2 * q)];
  /** The magnitude of `1 + x - 2 c z + (1 - x) z z` for a delay z of one frame, but for a turn. */
  const magnitude = (/** @type {number} */ x, /** @type {number} */ angle) =>
    Math.hypot(2 * (Math.cos(angle) - c), 2 * x * Math.sin(angle));
  return angles.map((angle) => 20 * Math.log10(magnitude(alpha * a, angle) / magnitude(alpha / a, angle)));
}

/**
 * What to take of each column so that their sum comes closest to what is wanted (Householder's reflections).
 * @param {number[][]} columns changed
 * @param {number[]} wanted changed
 * @returns {number[]}
 */
function leastSquares(columns, wanted) {
  const sizes = columns.map((column, k) => {
    const tail = Math.sqrt(column.reduce((sum, each, i) => (i < k ? sum : sum + each * each), 0));
    const size = column[k] > 0 ? -tail : tail;
    column[k] -= size;
    const length = column.reduce((sum, each, i) => (i < k ? sum : sum + each * each), 0);
    for (const other of length > 0 ? [...columns.slice(k + 1), wanted] : []) {
      let along = 0;
      for (let i = k; i < other.length; i++) along += column[i] * other[i];
      for (let i = k; i < other.length; i++) other[i] -= (2 * along / length) * column[i];
    }
    return size;
  });
  const least = LEAST * Math.max(...sizes.map(Math.abs));
  const found = columns.map(() => 0);
  for (let k = columns.length - 1; k >= 0; k--) {
    let rest = wanted[k];
    for (let j = k + 1; j < columns.length; j++) rest -= columns[j][k] * found[j];
    found[k] = Math.abs(sizes[k]) > least ? rest / sizes[k] : 0;
  }
  return found;
}
