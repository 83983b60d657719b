// @ts-check
/**
 * The chain on the browser's audio thread: nothing is allocated once it runs.
 *
 * What is shown of it goes to the page in shared memory; where there is none, because the page is not isolated,
 * in messages, whose buffers come back to be used again.
 */

import { ANEW, Chain, Shown } from "./chain.js";

/** So many times a second the page is shown something. */
const SHOWN = 60;
/** Buffers that are on their way, at most. */
const POOLED = 4;
/** A quantum with nothing louder in it is silent. */
const SILENCE = 1e-4;

/** @param {Float32Array[]} input @returns {boolean} */
function isSilent(input) {
  for (const channel of input) for (const sample of channel) if (Math.abs(sample) > SILENCE) return false;
  return true;
}

/**
 * @param {Float32Array[]} input
 * @param {number[]} gains one a channel
 * @param {Float32Array} to
 * @param {number} from
 * @param {number} count
 */
function mix(input, gains, to, from, count) {
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let c = 0; c < gains.length; c++) sum += gains[c] * input[c][from + i];
    to[i] = sum;
  }
}

class ChainProcessor extends AudioWorkletProcessor {
  /**
   * @param {{processorOptions: {module: WebAssembly.Module, image: ArrayBuffer,
   *   shared: SharedArrayBuffer | null}}} options
   */
  constructor({ processorOptions: { module, image, shared } }) {
    super();
    this._chain = new Chain(module, image);
    const header = this._chain.header;
    this._display = 0;
    this._isStereo = false;
    this._isBypassed = false;
    this._dry = 0; // how much of what comes in is heard in place of what comes out
    this._isOver = false;
    this._isHeld = false;
    this._anewAt = this._nextAt = Infinity; // frames at which another sound begins: one was asked for, one follows
    this._every = header.look || this._chain.loudness.length ? Math.floor(sampleRate / SHOWN) : Infinity;
    this._since = 0;
    this._quanta = this._slow = this._missed = this._longest = 0;
    this._shared = shared ? new Shown(header, shared) : null;
    /** @type {Shown[]} */
    this._pool = [];
    if (!shared) for (let k = 0; k < POOLED; k++) this._pool.push(new Shown(header, new ArrayBuffer(4 * Shown.size(header))));
    this.port.onmessage = (/** @type {MessageEvent} */ { data }) => {
      if (data instanceof ArrayBuffer) this._pool.push(new Shown(header, data));
      else if (data.kind === "set") this._chain.set(data.name, data.value);
      else if (data.kind === "bands") this._chain.setBands(data.part, data.bands);
      else if (data.kind === "look") [this._display, this._isStereo] = [data.display, Boolean(data.isStereo)];
      else if (data.kind === "bypass") this._isBypassed = data.value;
      else if (data.kind === "anew" && data.from === null) this._chain.readLoudness(ANEW.goesOn);
      else if (data.kind === "anew") this._anewAt = Math.max(data.from, currentFrame) + data.late;
      else if (data.kind === "next") this._nextAt = data.from + data.late;
      else if (data.kind === "hold") this._isHeld = data.value;
      else if (data.kind === "end") this._isOver = true;
    };
  }

  /**
   * @param {Float32Array[][]} inputs
   * @param {Float32Array[][]} outputs
   */
  process([input], [output]) {
    const chain = this._chain;
    const frames = output[0].length; // of any quantum
    if (this._isHeld && currentFrame + frames <= this._anewAt && isSilent(input)) return !this._isOver;
    const before = Date.now(); // in whole ms: there is no other clock here
    for (let done = 0; done < frames;) {
      const first = currentFrame + done;
      if (first >= this._anewAt || first >= this._nextAt) {
        chain.readLoudness(ANEW.begins);
        this._since = this._every; // it is shown at once
        if (first >= this._anewAt) this._anewAt = Infinity;
        if (first >= this._nextAt) this._nextAt = Infinity;
      }
      const count = Math.min(frames - done, chain.header.mostFrames, this._anewAt - first, this._nextAt - first);
      this._run(input, output, done, count);
      done += count;
    }
    this._since += frames;
    if (this._since >= this._every) {
      this._since -= this._every;
      this._show(frames);
    }
    const took = Date.now() - before;
    this._quanta++;
    if (took > this._longest) this._longest = took;
    if (1000 * frames < took * sampleRate) this._slow++;
    return !this._isOver;
  }

  /** Show the page what came out; where all buffers are on their way it misses one. @param {number} frames */
  _show(frames) {
    const chain = this._chain;
    chain.look(this._display, this._isStereo);
    chain.readLoudness();
    const to = this._shared ?? this._pool.pop();
    if (!to) {
      this._missed++;
      return;
    }
    to.take(chain, this._display, this._isStereo);
    to.counts[1] = frames;
    to.counts[2] = this._quanta;
    to.counts[3] = this._slow;
    to.counts[4] = this._missed;
    to.counts[5] = this._longest;
    if (!this._shared) this.port.postMessage(to.floats.buffer, [/** @type {ArrayBuffer} */ (to.floats.buffer)]);
  }

  /**
   * @param {Float32Array[]} input none where nothing is connected, one channel of mono, or as many as a file has
   * @param {Float32Array[]} output
   * @param {number} from
   * @param {number} count
   */
  _run(input, output, from, count) {
    const chain = this._chain;
    for (let c = 0; c < output.length; c++) {
      const to = chain.input[c];
      const given = input[Math.min(c, input.length - 1)];
      const gains = chain.header.mixes?.[input.length]?.[c];
      if (gains) mix(input, gains, to, from, count);
      else if (given) for (let i = 0; i < count; i++) to[i] = given[from + i];
      else to.fill(0, 0, count);
    }
    chain.run(count); // also while it is bypassed: its delay lines go on
    const wanted = this._isBypassed ? 1 : 0;
    const change = (wanted - this._dry) / count; // within a quantum, so that nothing clicks
    for (let c = 0; c < output.length; c++) {
      const before = chain.input[c], behind = chain.output[c], to = output[c];
      let dry = this._dry;
      for (let i = 0; i < count; i++) {
        to[from + i] = dry === 0 ? behind[i] : dry === 1 ? before[i] : behind[i] + dry * (before[i] - behind[i]);
        dry += change;
      }
    }
    this._dry = wanted;
  }
}

registerProcessor("zerocross-chain", ChainProcessor);
