// @ts-check
/** A meter of loudness (EBU R 128) behind the chain: fetched, and run, only while it is asked for. */

import { makeMeter } from "./engine.js";
import { FADE_S } from "./sources.js";

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
    this._late = 0; // frames that what is measured comes out behind what goes in
    this._isHeld = true;
    this._next = Infinity;
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
   * @param {import("./engine.js").ChainNode | null} of null for nothing more
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
    this._late = of.header.latency;
    this._clear();
    this.hold(this._isHeld);
    this.expect(this._next);
    const fade = new GainNode(of.context, { gain: 0 }); // it begins in the middle of a wave
    fade.gain.setTargetAtTime(1, of.context.currentTime, FADE_S / 4);
    fade.gain.setValueAtTime(1, of.context.currentTime + FADE_S);
    of.connect(fade).connect(node).connect(new GainNode(of.context, { gain: 0 })).connect(of.context.destination); // else it is not run
  }

  /** @param {boolean} isHeld whether what comes is not measured, once it is silent */
  hold(isHeld) {
    this._isHeld = isHeld;
    this._node?.port.postMessage({ kind: "hold", value: isHeld });
  }

  /** Show nothing, also where the audio thread rests. */
  _clear() {
    this._node?.shown.loudness.fill(-Infinity).fill(0, -1);
  }

  /**
   * Forget what was measured.
   * @param {number | null} from the context's seconds at which another sound goes in; null where it goes on
   */
  begin(from = null) {
    this._clear();
    this._post("anew", from);
  }

  /** Forget it at a moment to come. @param {number} from as of `begin`; Infinity for none */
  expect(from) {
    this._next = from;
    this._post("next", from);
  }

  /** @param {string} kind @param {number | null} seconds */
  _post(kind, seconds) {
    const rate = this._node?.context.sampleRate ?? 0;
    this._node?.port.postMessage({ kind, from: seconds === null ? null : Math.round(seconds * rate), late: this._late });
  }
}
