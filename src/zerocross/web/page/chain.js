// @ts-check
/**
 * A chain in WebAssembly: the module that Python compiled, on the memory that Python prepared.
 *
 * Runs wherever there is WebAssembly: in an AudioWorklet, a worker, a page, Node. Once it is made nothing is
 * allocated, neither by `run` nor by `set`.
 */

/**
 * @typedef {{name: string, low: number, high: number, unit: string, value: number, at: number}} Param
 * @typedef {[kind: string, hz: number, q: number, gainDb: number]} Band
 * @typedef {{at: number, count: number, room: number, wanted: number, hz: number, curve: number, points: number,
 *   kinds: string[], bands: Band[]}} Desk where an equaliser's bands are changed
 * @typedef {{at: number, figures: number, names: string[]}} Reading of a meter of loudness
 * @typedef {{name: string, params: Param[], desk?: Desk, loudness?: Reading, off?: Record<string, number>}} Part
 * @typedef {{name: string, at: number, heights: number, peaks: number, hz: number[], rangeDb: number | null}} Display
 * @typedef {{at: number, waves: number, waveFrames: number, meter: {peak: number, power: number},
 *   displays: Display[]}} Look what is shown of what comes out
 * @typedef {{sampleRate: number, channels: number, mostFrames: number, latency: number, program: number,
 *   input: number, output: number, size: number, parts: Part[], look?: Look, mixes?: Record<number, number[][]>,
 *   ranges: [number, number][], pointers: number[], code: [number, string][]}} Header
 */

const PAGE = 65536;
const MAGIC = 0x3149435a; // "ZCI1"
const HEAD = 8;

/** How a meter of loudness begins anew: with the sound that goes on, or with one that begins, as if silence were before it. */
export const ANEW = { goesOn: 1, begins: 2 };

/**
 * Take an image apart.
 * @param {ArrayBuffer} image
 * @returns {{header: Header, payload: Uint8Array}}
 */
export function unpack(image) {
  const view = new DataView(image);
  if (image.byteLength < HEAD || view.getUint32(0, true) !== MAGIC) throw new Error("this is no image of a chain");
  const length = view.getUint32(4, true);
  const letters = new Uint8Array(image, HEAD, length);
  let text = "";
  for (const letter of letters) text += String.fromCharCode(letter); // a worklet has no TextDecoder
  /** @type {Header} */
  const header = JSON.parse(text);
  const payload = new Uint8Array(image, HEAD + length);
  check(header, payload.length);
  return { header, payload };
}

/**
 * Refuse a header that would write beside the image.
 * @param {Header} header
 * @param {number} there bytes behind it
 */
function check(header, there) {
  const { size, ranges, pointers, code, input, output, channels, mostFrames, program, parts, look } = header;
  const holds = (/** @type {number} */ at, /** @type {number} */ count) =>
    at >= 0 && count >= 0 && at + count <= size && at % 4 === 0;
  const numbers = (/** @type {number} */ at, /** @type {number} */ count) => holds(at, 8 * count) && at % 8 === 0;
  const plane = 4 * channels * mostFrames;
  const isWhole =
    ranges.reduce((sum, [, count]) => sum + count, 0) === there &&
    ranges.every(([at, count]) => at >= 0 && count >= 0 && at + count <= size) &&
    pointers.every((at) => numbers(at, 1)) &&
    code.every(([at]) => numbers(at, 1)) &&
    parts.every(({ params, desk, loudness }) => params.every((each) => numbers(each.at, 1)) &&
      (!loudness || (numbers(loudness.at, 1) && numbers(loudness.figures, loudness.names.length))) && (!desk ||
      (numbers(desk.at, 1) && numbers(desk.count, 1) && numbers(desk.wanted, 4 * desk.room) &&
        numbers(desk.hz, desk.points) && numbers(desk.curve, desk.points)))) &&
    holds(input, plane) && holds(output, plane) && holds(program, 8) &&
    (!look || (holds(look.at, 8) && holds(look.waves, 4 * channels * look.waveFrames) &&
      numbers(look.meter.peak, channels) && numbers(look.meter.power, channels) &&
      look.displays.every(({ at, heights, peaks, hz }) =>
        holds(at, 8) && numbers(heights, 2 * hz.length) && numbers(peaks, 2 * hz.length))));
  if (!isWhole) throw new Error("it is cut off, or its header is not its own");
}

/** @param {Header} header @returns {Reading | undefined} of its first meter of loudness */
const readingOf = ({ parts }) => parts.find((each) => each.loudness)?.loudness;

/** What a page is shown of a chain: floats that go from the audio thread to the page, and where each stands. */
export class Shown {
  /** @param {Header} header @returns {number} floats that it takes */
  static size(header) {
    const { channels, look } = header;
    const bands = Math.max(0, ...(look?.displays ?? []).map((each) => each.hz.length));
    return 8 + 4 * bands + channels * ((look?.waveFrames ?? 0) + 2) + (readingOf(header)?.names.length ?? 0);
  }

  /** @param {Header} header @param {ArrayBufferLike} buffer of `size` floats */
  constructor(header, buffer) {
    const { channels, look } = header;
    const bands = Math.max(0, ...(look?.displays ?? []).map((each) => each.hz.length));
    let at = 0;
    const next = (/** @type {number} */ count) => new Float32Array(buffer, 4 * (at += count) - 4 * count, count);
    /** All of it. */
    this.floats = new Float32Array(buffer);
    /** The display's number, frames in a quantum, quanta, slow ones, times that nothing could be shown, ms of the longest, whether it is stereo. */
    this.counts = next(8);
    /** Of the display's bands. */
    this.heights = next(bands);
    this.peaks = next(bands);
    /** The same of the right, where it is stereo: then those are of the left. */
    this.rightHeights = next(bands);
    this.rightPeaks = next(bands);
    this.waves = Array.from({ length: look ? channels : 0 }, () => next(look?.waveFrames ?? 0));
    /** Of each channel: the peak, and the mean square. */
    this.peak = next(channels);
    this.power = next(channels);
    /** Of a meter of loudness, as its `names` say: LUFS, dBTP, dBFS, seconds. */
    this.loudness = next(readingOf(header)?.names.length ?? 0);
  }

  /** Take over what a chain shows. @param {Chain} chain @param {number} display @param {boolean} isStereo */
  take(chain, display, isStereo) {
    const shown = chain.displays[display];
    this.counts[0] = display;
    this.counts[6] = isStereo ? 1 : 0;
    if (shown) {
      this.heights.set(shown.heights);
      this.peaks.set(shown.peaks);
      this.rightHeights.set(shown.rightHeights);
      this.rightPeaks.set(shown.rightPeaks);
    }
    for (let c = 0; c < this.waves.length; c++) this.waves[c].set(chain.waves[c]);
    this.peak.set(chain.peak);
    this.power.set(chain.power);
    this.loudness.set(chain.loudness);
  }
}

/** A chain that runs. */
export class Chain {
  /**
   * @param {WebAssembly.Module} module
   * @param {ArrayBuffer} image
   */
  constructor(module, image) {
    const { header, payload } = unpack(image);
    this.header = header;
    const first = 32; // pages: more than any module's own memory; exact once it is known
    this.memory = new WebAssembly.Memory({ initial: first + Math.ceil(header.size / PAGE) });
    const made = new WebAssembly.Instance(module, { env: { memory: this.memory } }).exports;
    const heap = /** @type {WebAssembly.Global} */ (made.__heap_base).value;
    const base = Math.ceil(heap / 128) * 128;
    if (base > first * PAGE) throw new Error("the module's own memory is larger than there is room for");
    this._lay(base, header, payload, made);
    this._run = /** @type {(...numbers: number[]) => number} */ (made.run);
    this._program = base + header.program;
    this._base = base;
    this._row = header.mostFrames;
    /** One plane a channel, to be written before `run`; and what comes out. */
    this.input = this._planes(base + header.input, this._row);
    this.output = this._planes(base + header.output, this._row);
    this._words = new Float64Array(this.memory.buffer);
    this._whole = new Int32Array(this.memory.buffer);
    this._look = /** @type {(at: number, display: number, isStereo: number) => number} */ (made.look);
    this._design = /** @type {(at: number) => number} */ (made.design);
    this._curve = /** @type {(at: number) => number} */ (made.curve);
    const look = header.look;
    const doubles = (/** @type {number} */ at, /** @type {number} */ count) =>
      new Float64Array(this.memory.buffer, base + at, count);
    /** What `look` shows: of each display heights from 0 to 1, and where held peaks stand; of stereo the left's, and the right's. */
    this.displays = (look?.displays ?? []).map(({ at, hz: { length }, heights, peaks }) => ({
      at: base + at, heights: doubles(heights, length), peaks: doubles(peaks, length),
      rightHeights: doubles(heights + 8 * length, length), rightPeaks: doubles(peaks + 8 * length, length),
    }));
    /** The last frames, a plane a channel, as of the last `look`. */
    this.waves = look ? this._planes(base + look.waves, look.waveFrames) : [];
    /** Of each channel, as of the last `run`: the peak that falls, and the mean square of 300 ms. */
    this.peak = look ? doubles(look.meter.peak, header.channels) : new Float64Array();
    this.power = look ? doubles(look.meter.power, header.channels) : new Float64Array();
    this._readLoudness = /** @type {(at: number, anew: number) => number} */ (made.loudness);
    this._reading = readingOf(header);
    /** Of the first meter of loudness, as of the last `readLoudness`: what its `names` say. */
    this.loudness = this._reading ? doubles(this._reading.figures, this._reading.names.length) : new Float64Array();
    /** Of each part with an equaliser: its bands as numbers, and its curve. */
    this.desks = header.parts.map(({ desk }) => desk && {
      wanted: doubles(desk.wanted, 4 * desk.room), hz: doubles(desk.hz, desk.points),
      curveDb: doubles(desk.curve, desk.points),
    });
    /** @type {Map<string, Param>} */
    this.params = new Map();
    header.parts.forEach((part, k) => {
      for (const each of part.params) this.params.set(`${k}.${each.name}`, each);
    });
  }

  /**
   * @param {number} base
   * @param {Header} header
   * @param {Uint8Array} payload
   * @param {WebAssembly.Exports} made
   */
  _lay(base, header, payload, made) {
    const bytes = new Uint8Array(this.memory.buffer);
    const view = new DataView(this.memory.buffer);
    let from = 0;
    for (const [start, count] of header.ranges) {
      bytes.set(payload.subarray(from, from + count), base + start);
      from += count;
    }
    for (const at of header.pointers) {
      view.setUint32(base + at, view.getUint32(base + at, true) + base, true);
    }
    const table = /** @type {WebAssembly.Table} */ (made.__indirect_function_table);
    /** @type {Map<string, number>} */
    const known = new Map();
    for (const [at, name] of header.code) {
      let index = known.get(name);
      if (index === undefined) {
        const one = made[`${name}.code`];
        if (!one) throw new Error(`the module has no ${name}: it is another chain's`);
        index = table.grow(1);
        table.set(index, one);
        known.set(name, index);
      }
      view.setUint32(base + at, index, true);
    }
  }

  /** @param {number} place @param {number} frames */
  _planes(place, frames) {
    const planes = [];
    for (let c = 0; c < this.header.channels; c++) {
      planes.push(new Float32Array(this.memory.buffer, place + 4 * c * frames, frames));
    }
    return planes;
  }

  /**
   * Run frames from `input` to `output`.
   * @param {number} frames at most `header.mostFrames`
   */
  run(frames) {
    if (!(frames >= 0 && frames <= this._row)) throw new RangeError(`frames=${frames}: give 0 to ${this._row}`);
    const { input, output } = this.header;
    this._run(this._program, this._base + input, this._base + output, this._row, frames);
  }

  /**
   * Move what is shown on to what came out so far.
   * @param {number} display which of `displays`; -1 for the waves alone
   * @param {boolean} isStereo whether it shows left and right
   */
  look(display = 0, isStereo = false) {
    const look = this.header.look;
    if (look) this._look(this._base + look.at, this.displays[display]?.at ?? 0, isStereo ? 1 : 0);
  }

  /** Read the meter of loudness, where there is one. @param {number} anew one of `ANEW`, if it forgets what was measured */
  readLoudness(anew = 0) {
    if (this._reading) this._readLoudness(this._base + this._reading.at, anew);
  }

  /**
   * Give an equaliser other bands: they fade in within 50 ms.
   * @param {number} part the part's number
   * @param {Band[]} bands at most as many as its desk has room for; more are left out
   */
  setBands(part, bands) {
    if (this._write(part, bands)) this._design(this._base + /** @type {Desk} */ (this.header.parts[part].desk).at);
  }

  /**
   * Return the curve of an equaliser with some bands: of its desk, in dB; written again by the next call.
   * @param {number} part
   * @param {Band[]} bands
   * @returns {Float64Array}
   */
  curve(part, bands) {
    if (this._write(part, bands)) this._curve(this._base + /** @type {Desk} */ (this.header.parts[part].desk).at);
    return this.desks[part]?.curveDb ?? new Float64Array();
  }

  /** @param {number} part @param {Band[]} bands @returns {boolean} whether there is a desk */
  _write(part, bands) {
    const desk = this.header.parts[part]?.desk;
    const wanted = this.desks[part]?.wanted;
    if (!desk || !wanted) return false;
    const count = Math.min(bands.length, desk.room);
    for (let k = 0; k < count; k++) {
      const [kind, hz, q, gain] = bands[k];
      wanted[4 * k] = Math.max(0, desk.kinds.indexOf(kind));
      wanted[4 * k + 1] = hz;
      wanted[4 * k + 2] = q;
      wanted[4 * k + 3] = gain;
    }
    this._whole[(this._base + desk.count) / 4] = count; // the upper half of the 64 bits stays 0
    return true;
  }

  /**
   * Set a parameter; it moves there within its smoothing.
   * @param {string} name the part's number, a point, and the parameter's name
   * @param {number} value in its range; what is outside is put at its end
   */
  set(name, value) {
    const param = this.params.get(name);
    if (!param) throw new Error(`no parameter ${name}`);
    if (Number.isNaN(value)) return;
    this._words[(this._base + param.at) / 8] = Math.min(param.high, Math.max(param.low, value));
  }
}
