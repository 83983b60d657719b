// @ts-check
/** A meter of loudness (EBU R 128) behind the chain: fetched, and run, only while it is asked for. */

import { makeMeter } from "./engine.js";

/** @typedef {{momentary: number, short_term: number, integrated: number, momentary_max: number, true_peak: number,
 *   sample_peak: number, seconds: number}} Loudness LUFS, dBTP, dBFS */

/** Measures what a node gives. */
export class LoudnessMeter {
  /** @param {import("./engine.js").About} about */
  constructor(about) {
    this._about = about;
    this._calls = 0; // of `measure`: the last one counts
    /** @type {import("./engine.js").ChainNode | null} */
    this._node = null;
    this._isHeld = true;
  }

  /** @returns {Loudness | null} as of late; null while it is off */
  get loudness() {
    const names = this._node?.header.parts[0].loudness?.names;
    if (!this._node || !names) return null;
    const { loudness } = this._node.shown;
    return /** @type {Loudness} */ (Object.fromEntries(names.map((name, k) => [name, loudness[k]])));
  }

  /**
   * Measure what a node gives, and nothing else.
   * @param {AudioNode | null} of null for nothing more
   */
  async measure(of) {
    const mine = ++this._calls;
    this._node?.port.postMessage({ kind: "end" });
    this._node?.disconnect();
    this._node = null;
    if (!of) return;
    const node = await makeMeter(of.context, this._about);
    if (mine !== this._calls) {
      node.port.postMessage({ kind: "end" });
      return;
    }
    this._node = node;
    this._clear();
    this.hold(this._isHeld);
    of.connect(node).connect(new GainNode(of.context, { gain: 0 })).connect(of.context.destination); // else it is not run
  }

  /** @param {boolean} isHeld whether what comes is not measured */
  hold(isHeld) {
    this._isHeld = isHeld;
    this._node?.port.postMessage({ kind: "hold", value: isHeld });
  }

  /** Show nothing, also where the audio thread rests. */
  _clear() {
    this._node?.shown.loudness.fill(-Infinity).fill(0, -1);
  }

  /** Forget what was measured. */
  begin() {
    this._clear();
    this._node?.port.postMessage({ kind: "anew" });
  }
}
