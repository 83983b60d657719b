// @ts-check
/**
 * A player in a notebook, as anywidget has them: one sound for a model, however many views show it.
 *
 * Python puts this behind the page's own modules, as one module, with `WORKLET` and `STYLE` before them:
 * the text of the worklet's module, and of player.css.
 */

import { unpack } from "./chain.js";
import { drawBars, slider, time } from "./controls.js";
import { checkWorklets, hasVectors, nodeOf } from "./engine.js";

/**
 * @typedef {{get: (name: string) => any, set: (name: string, value: any) => void, save_changes: () => void,
 *   on: (name: string, call: () => void) => void, off: (name: string, call: () => void) => void}} Model
 */

/** Milliseconds: between two positions that Python is told; after which a browser plays if it ever does. */
const TOLD_MS = 250, ALLOWED_MS = 1000;
/** What rings on is heard so long, then the audio thread rests. */
const RING_MS = 10_000;
const KEYS = [" ", "Enter", "Home", "End", "PageUp", "PageDown", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {DataView} view as a model has bytes @returns {ArrayBuffer} a copy */
function bytesOf(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice().buffer;
}

/**
 * Lay a model's chain and its signal out in a context of its rate.
 * @param {BaseAudioContext} context
 * @param {Model} model
 */
async function laidOut(context, model) {
  if (!hasVectors()) throw new Error("This browser has no vectors in WebAssembly (SIMD): a newer one plays it.");
  await addWorklet(context);
  const words = { code: "the code", image: "the image", again: "run the cell again" };
  const node = await nodeOf(context, bytesOf(model.get("_code")), bytesOf(model.get("_image")), words);
  for (const [name, value] of Object.entries(model.get("values"))) node.port.postMessage({ kind: "set", name, value });
  return { node, song: await decoded(context, model) };
}

/**
 * Add the worklet's module: by a URL that is its text, for pages that are opened from a disk may have no blobs; by a
 * blob where a page's policy has no such URLs.
 * @param {BaseAudioContext} context
 */
async function addWorklet(context) {
  checkWorklets(context);
  try {
    await context.audioWorklet.addModule(`data:text/javascript;charset=utf-8,${encodeURIComponent(WORKLET)}`);
  } catch {
    const url = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
    await context.audioWorklet.addModule(url).finally(() => URL.revokeObjectURL(url));
  }
}

/** @param {BaseAudioContext} context @param {Model} model */
async function decoded(context, model) {
  const data = bytesOf(model.get("_audio"));
  const [frames, channels] = model.get("_shape");
  if (model.get("_form") === "flac") return context.decodeAudioData(data);
  const song = new AudioBuffer({ length: frames, numberOfChannels: channels, sampleRate: context.sampleRate });
  for (let c = 0; c < channels; c++) song.copyToChannel(new Float32Array(data, 4 * c * frames, frames), c);
  return song;
}

/** What is heard of a model. */
class Sound {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.header = unpack(bytesOf(model.get("_image"))).header;
    this.duration = model.get("_shape")[0] / this.header.sampleRate;
    /** @type {Set<(news: string) => void>} each told of what is new: a view */
    this.views = new Set();
    this.problem = "";
    this.volume = 1;
    this.isBypassed = false;
    /** @type {Record<string, number>} */
    this.values = { ...model.get("values") };
    this._position = 0;
    this._startedAt = 0;
    /** @type {Record<string, any>} what Python was told last: it comes back */
    this._said = {};
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {Awaited<ReturnType<typeof laidOut>> | null} */
    this._laid = null;
    /** @type {Promise<void> | null} */
    this._beginning = null;
    /** @type {AudioBufferSourceNode | null} */
    this._source = null;
    this._rest = 0;
    this._wants = false;
    this._listen();
    this._seek(model.get("position"));
    if (model.get("playing")) this.play();
  }

  /** Follow what Python sets. */
  _listen() {
    const { model } = this;
    const heard = {
      position: () => model.get("position") !== this._said.position && this._seek(model.get("position")),
      playing: () => model.get("playing") !== this._said.playing && (model.get("playing") ? this.play() : this.pause()),
      values: () => this._take(model.get("values")),
      title: () => this._show("title"),
    };
    for (const [name, call] of Object.entries(heard)) model.on(`change:${name}`, call);
    this._forget = () => {
      for (const [name, call] of Object.entries(heard)) model.off(`change:${name}`, call);
    };
    this._timer = setInterval(() => {
      if (!this._source) return;
      this._say({ position: this.now() });
      this._show("time");
    }, TOLD_MS);
  }

  /** @param {Record<string, any>} news for Python */
  _say(news) {
    Object.assign(this._said, news);
    for (const [name, value] of Object.entries(news)) this.model.set(name, value);
    this.model.save_changes();
  }

  /** @param {string} news "time", "playing", "values", "problem" or "title" */
  _show(news) {
    for (const view of this.views) view(news);
  }

  /** @param {string} words */
  _tell(words) {
    this.problem = words;
    this._show("problem");
  }

  get plays() {
    return this._source !== null;
  }

  /** Heights of the spectrum, and its peaks. */
  get shown() {
    return this._laid?.node.shown ?? { heights: new Float32Array(), peaks: new Float32Array() };
  }

  /** @returns {number} seconds */
  now() {
    const gone = this._source && this.context ? this.context.currentTime - this._startedAt : 0;
    return Math.min(this.duration, this._position + gone);
  }

  /** Begin the audio: once, however many ask. */
  async _begin() {
    this._beginning ??= this._make();
    try {
      await this._beginning;
    } catch (error) {
      this._beginning = null;
      throw error;
    }
    clearTimeout(this._rest);
    const late = new Promise((done) => setTimeout(done, ALLOWED_MS));
    await Promise.race([this.context?.resume(), late]); // without a click it may wait for ever
    if (this.context?.state !== "running") throw new Error("The browser wants a click first: press Play.");
  }

  async _make() {
    const context = new AudioContext({ latencyHint: "interactive", sampleRate: this.header.sampleRate });
    try {
      this._laid = await laidOut(context, this.model);
    } catch (error) {
      context.close();
      throw error;
    }
    this.context = context;
    const { node } = this._laid;
    node.onprocessorerror = () => this._tell("The chain has stopped with an error: run the cell again.");
    for (const [name, value] of Object.entries(this.values)) node.port.postMessage({ kind: "set", name, value });
    node.port.postMessage({ kind: "bypass", value: this.isBypassed });
    this._gain = new GainNode(context, { gain: this.volume });
    node.connect(this._gain).connect(context.destination);
  }

  async play() {
    this._wants = true;
    try {
      await this._begin();
    } catch (error) {
      this._wants = false;
      this._tell(/** @type {Error} */ (error).message);
      this._say({ playing: false });
      return;
    }
    if (this._wants && !this._source) this._start(); // it may have been paused meanwhile
  }

  _start() {
    const { context, _laid: laid } = this;
    if (!context || !laid) return;
    if (this._position >= this.duration) this._position = 0;
    const mine = new AudioBufferSourceNode(context, { buffer: laid.song });
    mine.onended = () => {
      if (this._source !== mine) return;
      this._position = this.duration; // the clock may be some quanta behind
      this.pause();
    };
    mine.connect(laid.node);
    this._source = mine;
    this._startedAt = context.currentTime;
    mine.start(0, this._position);
    this._tell("");
    this._say({ playing: true, position: this._position });
    this._show("playing");
  }

  _stop() {
    const mine = this._source;
    this._position = this.now();
    this._source = null;
    mine?.stop();
    mine?.disconnect();
  }

  pause() {
    this._wants = false;
    this._stop();
    this._say({ playing: false, position: this._position });
    this._show("playing");
    clearTimeout(this._rest);
    this._rest = setTimeout(() => this._source || this.context?.suspend(), RING_MS);
  }

  /** @param {number} seconds */
  seek(seconds) {
    this._seek(seconds);
    this._say({ position: this._position });
  }

  /** @param {number} seconds */
  _seek(seconds) {
    const plays = this.plays;
    this._stop();
    this._position = Math.min(this.duration, Math.max(0, seconds));
    if (plays) this._start();
    this._show("time");
  }

  /** @param {string} name @param {number} value that the user has chosen */
  turn(name, value) {
    this._take({ ...this.values, [name]: value });
    this._say({ values: this.values });
  }

  /** @param {Record<string, number>} values */
  _take(values) {
    for (const [name, value] of Object.entries(values)) {
      if (this.values[name] !== value) this._laid?.node.port.postMessage({ kind: "set", name, value });
    }
    this.values = { ...values };
    this._show("values");
  }

  /** @param {number} to gain */
  setVolume(to) {
    this.volume = to;
    if (this.context) this._gain?.gain.setTargetAtTime(to, this.context.currentTime, 0.01);
    this._show("volume");
  }

  /** @param {boolean} to */
  bypass(to) {
    this.isBypassed = to;
    this._laid?.node.port.postMessage({ kind: "bypass", value: to });
    this._show("volume");
  }

  /** @param {(news: string) => void} view that is no more; the sound of the last one stops */
  leave(view) {
    this.views.delete(view);
    if (!this.views.size && this.plays) this.pause();
  }

  close() {
    this._forget?.();
    clearInterval(this._timer);
    clearTimeout(this._rest);
    this._stop();
    this.context?.close();
  }
}

const LINES = `
<p class="title"></p><p class="told" role="alert"></p>
<p class="line"><button type="button">Play</button>
<input class="seek" type="range" min="0" step="any" aria-label="Position"><span class="time"></span></p>
<canvas role="img" aria-label="Spectrum of what is heard, 20 Hz to 20 kHz"></canvas>
<p class="line"><label>Volume <input class="volume" type="range" min="0" max="1" step="0.01"></label>
<label class="bypassed"><input class="bypass" type="checkbox"> Bypass</label></p>
<div class="parts"></div>`;

/**
 * Show a sound.
 * @param {Sound} sound
 * @param {HTMLElement} el
 * @returns {() => void} takes it away
 */
function shownIn(sound, el) {
  const host = document.createElement("div");
  host.dataset.lmSuppressShortcuts = "true"; // JupyterLab's keys would move its cells
  const root = host.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = STYLE;
  const box = document.createElement("section");
  box.className = "player";
  box.innerHTML = LINES;
  root.append(style, box);
  el.append(host);
  const the = (/** @type {string} */ name) => /** @type {any} */ (box.querySelector(name));
  const sliders = slidersOf(sound, the(".parts"));
  let isSought = false; // while the thumb is held
  let isDrawing = false;

  const draw = () => {
    drawBars(the("canvas"), sound.shown);
    isDrawing = sound.plays && !STILL.matches && sound.views.has(view);
    if (isDrawing) requestAnimationFrame(draw);
  };
  const view = (/** @type {string} */ news) => {
    const at = sound.now();
    const words = `${time(at)} / ${time(sound.duration)}`;
    const title = sound.model.get("title");
    if (!isSought) the(".seek").value = String(at);
    the(".seek").setAttribute("aria-valuetext", words.replace("/", "of"));
    the(".time").textContent = words;
    the("button").textContent = sound.plays ? "Pause" : "Play";
    the(".told").textContent = sound.problem;
    the(".title").textContent = title;
    box.setAttribute("aria-label", title || "Player");
    the(".volume").value = String(sound.volume);
    the(".bypass").checked = sound.isBypassed;
    if (news === "values") for (const [name, put] of sliders) put(sound.values[name]);
    if (news === "playing" && !isDrawing) draw(); // else it would move at each position
  };

  the(".seek").max = String(sound.duration);
  the(".bypassed").hidden = !sound.header.parts.length;
  the("button").addEventListener("click", () => sound.plays ? sound.pause() : sound.play());
  the(".seek").addEventListener("input", () => { isSought = true; });
  the(".seek").addEventListener("change", () => {
    isSought = false;
    sound.seek(Number(the(".seek").value));
  });
  for (const kind of ["pointerup", "pointercancel", "blur"]) {
    the(".seek").addEventListener(kind, () => { isSought = false; });
  }
  the(".volume").addEventListener("input", () => sound.setVolume(Number(the(".volume").value)));
  the(".bypass").addEventListener("change", () => sound.bypass(the(".bypass").checked));
  box.addEventListener("keydown", (event) => KEYS.includes(event.key) && event.stopPropagation());
  sound.views.add(view);
  view("values");
  view("playing");
  return () => {
    sound.leave(view);
    host.remove();
  };
}

/**
 * @param {Sound} sound
 * @param {HTMLElement} to
 * @returns {Map<string, (value: number) => void>} what moves each slider
 */
function slidersOf(sound, to) {
  const made = new Map();
  sound.header.parts.forEach((part, k) => {
    if (!part.params.length) return;
    const group = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = part.name;
    group.append(legend);
    for (const param of part.params) {
      const name = `${k}.${param.name}`;
      const { row, put } = slider(param, (value) => sound.turn(name, value));
      made.set(name, put);
      group.append(row);
    }
    to.append(group);
  });
  return made;
}

export { laidOut };

export default () => {
  /** @type {Sound} */
  let sound;
  return {
    initialize(/** @type {{model: Model}} */ { model }) {
      sound = new Sound(model);
      return () => sound.close();
    },
    render(/** @type {{el: HTMLElement}} */ { el }) {
      return shownIn(sound, el);
    },
  };
};
