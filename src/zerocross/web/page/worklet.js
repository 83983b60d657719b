// @ts-check
/** The chain on the browser's audio thread: nothing is allocated once it runs. */

import { Chain } from "./chain.js";

class ChainProcessor extends AudioWorkletProcessor {
  /** @param {{processorOptions: {module: WebAssembly.Module, image: ArrayBuffer}}} options */
  constructor({ processorOptions: { module, image } }) {
    super();
    this._chain = new Chain(module, image);
    this._isBypassed = false;
    this._isOver = false;
    /** @type {Float32Array[]} what is heard of each channel, as long as the quantum is */
    this._heard = [];
    this.port.onmessage = ({ data }) => {
      if (data.kind === "set") this._chain.set(data.name, data.value);
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
    return !this._isOver;
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
