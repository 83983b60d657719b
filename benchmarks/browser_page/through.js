// Hands quanta to a worker, and plays what came back so many quanta ago; what is not there by then is late.
import { RING } from "./ring.js";

class Through extends AudioWorkletProcessor {
  constructor({ processorOptions: { control, input, output, behind } }) {
    super();
    this._counts = new Int32Array(control);
    this._from = new Float32Array(input);
    this._to = new Float32Array(output);
    this._behind = behind;
    this._sent = 0;
    this._late = 0;
    this.port.onmessage = () => this.port.postMessage([this._sent, this._late]);
  }

  process([input], [output]) {
    const at = (this._sent % RING) * 256;
    for (let c = 0; c < 2; c++) {
      const source = input[Math.min(c, input.length - 1)];
      for (let i = 0; i < 128; i++) this._from[at + 128 * c + i] = source ? source[i] : 0;
    }
    this._sent++;
    Atomics.store(this._counts, 0, this._sent);
    Atomics.notify(this._counts, 0);
    const wanted = this._sent - 1 - this._behind;
    if (wanted >= 0 && Atomics.load(this._counts, 1) <= wanted) this._late++;
    else if (wanted >= 0) {
      const back = (wanted % RING) * 256;
      for (let c = 0; c < output.length; c++) for (let i = 0; i < 128; i++) output[c][i] = this._to[back + 128 * c + i];
    }
    return Atomics.load(this._counts, 2) === 0;
  }
}

registerProcessor("through", Through);
