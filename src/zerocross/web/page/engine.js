// @ts-check
/** A chain as a node of Web Audio: its code is compiled and its memory laid out before it is heard. */

import { Shown, unpack } from "./chain.js";

/** A module of one vector instruction, for browsers to say whether they know it. */
const VECTOR = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** @returns {boolean} whether this browser has WebAssembly's vectors */
export function hasVectors() {
  return WebAssembly.validate(VECTOR);
}

/**
 * @typedef {{title: string, version: string, rates: number[], files: string[], parts: import("./chain.js").Part[],
 *   modules: Modules, loudness: Modules}} About what was exported
 * @typedef {Record<string, Record<string, string>>} Modules files by rate and by what they need
 */

/**
 * @param {string} name
 * @param {string} version of what was exported together: a server's old file is none of it
 * @returns {Promise<Response>}
 */
async function fetched(name, version = "") {
  let found;
  try {
    found = await fetch(new URL(version ? `${name}?v=${version}` : name, import.meta.url));
  } catch {
    throw new Error(`${name} cannot be had: is the server there?`);
  }
  if (!found.ok) throw new Error(`${name} cannot be had (${found.status}): export the page again`);
  return found;
}

/** @param {unknown} error @returns {string} */
const reasonOf = (error) => /** @type {Error} */ (error).message;

/**
 * @returns {Promise<About>}
 */
export async function about() {
  const found = await fetched("about.json");
  try {
    return await found.json();
  } catch (error) {
    throw new Error(`about.json is damaged (${reasonOf(error)}): export the page again`);
  }
}

/**
 * @param {number[]} rates that there are images for
 * @returns {AudioContext} at the device's rate where there is an image for it, else at the nearest
 */
export function makeContext(rates) {
  if (!globalThis.WebAssembly) throw new Error("This browser has no WebAssembly, or it is turned off: another one plays.");
  if (!globalThis.AudioContext) throw new Error("This browser has no Web Audio: another one plays.");
  const usual = new AudioContext({ latencyHint: "interactive" });
  if (rates.includes(usual.sampleRate)) return usual;
  const nearest = rates.reduce((a, b) =>
    Math.abs(b - usual.sampleRate) < Math.abs(a - usual.sampleRate) ? b : a);
  usual.close();
  return new AudioContext({ latencyHint: "interactive", sampleRate: nearest });
}

/**
 * @param {BaseAudioContext} context
 * @param {{version: string, modules: About["modules"]}} about
 * @returns {Promise<ChainNode>}
 */
export async function makeNode(context, { version, modules }) {
  return made(context, version, modules, "chain");
}

/**
 * @param {BaseAudioContext} context
 * @param {{version: string, loudness: Modules}} about
 * @returns {Promise<ChainNode>} a meter of loudness, which lets everything pass
 */
export async function makeMeter(context, { version, loudness }) {
  return made(context, version, loudness, "loudness");
}

/**
 * @param {BaseAudioContext} context
 * @param {string} version
 * @param {Modules} modules
 * @param {string} images what they are called, before the rate
 * @returns {Promise<ChainNode>}
 */
async function made(context, version, modules, images) {
  checkWorklets(context);
  const rate = context.sampleRate;
  const file = modules?.[rate]?.[hasVectors() ? "wasm-simd" : "wasm"];
  if (!file) throw new Error(`about.json has no code for ${rate} Hz: export the page again`);
  const names = { code: file, image: `${images}-${rate}.zci` };
  const [code, image] = await Promise.all([
    fetched(names.code, version).then((found) => found.arrayBuffer()),
    fetched(names.image, version).then((found) => found.arrayBuffer()),
    context.audioWorklet.addModule(new URL("worklet.js", import.meta.url)),
  ]);
  return nodeOf(context, code, image, { ...names, again: "export the page again" });
}

/** @param {BaseAudioContext} context */
export function checkWorklets(context) {
  if (!context.audioWorklet) {
    throw new Error("this page has no audio worklets: open it by https, or from localhost");
  }
}

/**
 * @param {BaseAudioContext} context that has the worklet's module
 * @param {ArrayBuffer} code of the chain at the context's rate
 * @param {ArrayBuffer} image
 * @param {{code: string, image: string, again: string}} words what these are called if they are damaged, and a way out
 * @returns {Promise<ChainNode>}
 */
export async function nodeOf(context, code, image, words) {
  let header;
  try {
    header = unpack(image).header;
  } catch (error) {
    throw new Error(`${words.image} is damaged (${reasonOf(error)}): ${words.again}`);
  }
  let module;
  try {
    module = await WebAssembly.compile(code); // here, not on the audio thread
  } catch (error) {
    throw new Error(`WebAssembly is not allowed here, or ${words.code} is damaged: ${reasonOf(error)}`);
  }
  const size = 4 * Shown.size(header);
  const shared = globalThis.crossOriginIsolated ? new SharedArrayBuffer(size) : null;
  return new ChainNode(context, { module, image, shared }, header, new Shown(header, shared ?? new ArrayBuffer(size)));
}

/** A chain in Web Audio: stereo out; what has more channels is mixed in the worklet, with the gains of its header. */
export class ChainNode extends AudioWorkletNode {
  /**
   * @param {BaseAudioContext} context
   * @param {{module: WebAssembly.Module, image: ArrayBuffer, shared: SharedArrayBuffer | null}} processorOptions
   * @param {import("./chain.js").Header} header
   * @param {Shown} shown
   */
  constructor(context, processorOptions, header, shown) {
    super(context, "zerocross-chain", {
      numberOfInputs: 1,
      numberOfOutputs: 1,
      outputChannelCount: [2],
      channelCount: 2,
      channelCountMode: "max",
      processorOptions,
    });
    /** The module, for another instance of the same chain. */
    this.module = processorOptions.module;
    this.image = processorOptions.image;
    this.header = header;
    /** What is heard, as of late. */
    this.shown = shown;
    this.isShared = processorOptions.shared !== null;
    this.port.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer)) return;
      this.shown.floats.set(new Float32Array(data));
      this.port.postMessage(data, [data]); // it is used again
    };
  }
}
