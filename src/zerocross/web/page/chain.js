// @ts-check
/**
 * A chain in WebAssembly: the module that Python compiled, on the memory that Python prepared.
 *
 * Runs wherever there is WebAssembly: in an AudioWorklet, a worker, a page, Node. Once it is made nothing is
 * allocated, neither by `run` nor by `set`.
 */

/**
 * @typedef {{name: string, low: number, high: number, unit: string, value: number, at: number}} Param
 * @typedef {{sampleRate: number, channels: number, mostFrames: number, latency: number, program: number,
 *   input: number, output: number, size: number, parts: {name: string, params: Param[]}[],
 *   bands?: number, display?: number, heights?: number, peaks?: number, ranges: [number, number][], pointers: number[], code: [number, string][]}} Header
 */

const PAGE = 65536;
const MAGIC = 0x3149435a; // "ZCI1"
const HEAD = 8;

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
  const { size, ranges, pointers, code, input, output, channels, mostFrames, program, parts } = header;
  const { bands = 0, display = 0, heights = 0, peaks = 0 } = header;
  const holds = (/** @type {number} */ at, /** @type {number} */ count) => at >= 0 && count >= 0 && at + count <= size;
  const plane = 4 * channels * mostFrames;
  const isWhole =
    ranges.reduce((sum, [, count]) => sum + count, 0) === there &&
    ranges.every(([at, count]) => holds(at, count)) &&
    pointers.every((at) => holds(at, 8)) &&
    code.every(([at]) => holds(at, 8)) &&
    parts.every((part) => part.params.every((each) => holds(each.at, 8) && each.at % 8 === 0)) &&
    holds(input, plane) && holds(output, plane) && holds(program, 8) &&
    [heights, peaks].every((at) => holds(at, 8 * bands) && at % 8 === 0) && holds(display, 8 * Math.sign(bands));
  if (!isWhole) throw new Error("it is cut off, or its header is not its own");
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
    this.input = this._planes(base + header.input);
    this.output = this._planes(base + header.output);
    this._words = new Float64Array(this.memory.buffer);
    const look = /** @type {(at: number) => number} */ (made.look);
    const { bands = 0, display = 0, heights = 0, peaks = 0 } = header;
    this._display = base + display;
    this._look = bands > 0 && look ? look : null;
    /** What `look` shows: heights from 0 to 1, and where held peaks stand; none without a display. */
    this.heights = new Float64Array(this.memory.buffer, base + heights, bands);
    this.peaks = new Float64Array(this.memory.buffer, base + peaks, bands);
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

  /** @param {number} place */
  _planes(place) {
    const planes = [];
    for (let c = 0; c < this.header.channels; c++) {
      planes.push(new Float32Array(this.memory.buffer, place + 4 * c * this._row, this._row));
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

  /** Move `heights` and `peaks` on to what came out so far. */
  look() {
    this._look?.(this._display);
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
