// @ts-check
/**
 * The chain on the browser's audio thread: nothing is allocated once it runs.
 *
 * What is shown of it goes to the page in shared memory; where there is none, because the page is not isolated,
 * in messages, whose buffers come back to be used again.
 */

import { Chain } from "./chain.js";

/** So many times a second the page is shown something. */
const SHOWN = 60;
/** Buffers that are on their way, at most. */
const POOLED = 4;

class ChainProcessor extends AudioWorkletProcessor {
  /**
   * @param {{processorOptions: {module: WebAssembly.Module, image: ArrayBuffer,
   *   shared: SharedArrayBuffer | null}}} options
   */
  constructor({ processorOptions: { module, image, shared } }) {
    super();
    this._chain = new Chain(module, image);
    this._isBypassed = false;
    this._isOver = false;
    const bands = this._chain.heights.length;
    this._every = bands ? Math.floor(sampleRate / SHOWN) : Infinity;
    this._since = 0;
    this._shared = shared && bands ? new Float32Array(shared) : null;
    /** @type {Float32Array[]} */
    this._pool = [];
    if (!this._shared) for (let k = 0; k < POOLED; k++) this._pool.push(new Float32Array(2 * bands));
    this.port.onmessage = ({ data }) => {
      if (data instanceof Float32Array) this._pool.push(data);
      else if (data.kind === "set") this._chain.set(data.name, data.value);
      else if (data.kind === "bypass") this._isBypassed = data.value;
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
    const step = Math.min(frames, chain.header.mostFrames);
    for (let done = 0; done < frames; done += step) this._run(input, output, done, Math.min(step, frames - done));
    this._since += frames;
    if (this._since >= this._every) {
      this._since -= this._every;
      this._show();
    }
    return !this._isOver;
  }

  /** Show the page what came out; where all buffers are on their way it misses one. */
  _show() {
    const chain = this._chain;
    chain.look();
    const to = this._shared ?? this._pool.pop();
    if (!to) return;
    const bands = chain.heights.length;
    for (let k = 0; k < bands; k++) {
      to[k] = chain.heights[k];
      to[bands + k] = chain.peaks[k];
    }
    if (!this._shared) this.port.postMessage(to, [to.buffer]);
  }

  /**
   * @param {Float32Array[]} input none where nothing is connected, one channel of mono
   * @param {Float32Array[]} output
   * @param {number} from
   * @param {number} count
   */
  _run(input, output, from, count) {
    const chain = this._chain;
    for (let c = 0; c < output.length; c++) {
      const to = chain.input[c];
      const given = input[Math.min(c, input.length - 1)];
      if (given) for (let i = 0; i < count; i++) to[i] = given[from + i];
      else to.fill(0, 0, count);
    }
    chain.run(count); // also while it is bypassed: its delay lines go on
    const source = this._isBypassed ? chain.input : chain.output;
    for (let c = 0; c < output.length; c++) {
      for (let i = 0; i < count; i++) output[c][from + i] = source[c][i];
    }
  }
}

registerProcessor("zerocross-chain", ChainProcessor);
