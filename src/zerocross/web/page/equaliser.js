// @ts-check
/**
 * An equaliser to be seen: its curve over what is heard, a handle for each band, and the bands as numbers. What it
 * draws is computed by the code that is heard, in an instance of its own.
 */

import { Chain } from "./chain.js";
import { parsePreset, writePreset } from "./presets.js";

/** @typedef {import("./chain.js").Band} Band */

const HIGH = 320, TOP_DB = 18, LOW_HZ = 20, HIGH_HZ = 20_000;
const MOST_TOLD = 50;
const MOST_DB = 24, LEAST_Q = 0.1, MOST_Q = 20, LEAST_PREAMP_DB = -60;
const LINES_HZ = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];
const GAINLESS = new Set(["lowpass", "highpass", "bandpass", "notch", "allpass"]);
const KIND_WORDS = {
  peaking: "Peak", lowshelf: "Low shelf", highshelf: "High shelf", lowpass: "Low pass", highpass: "High pass",
  bandpass: "Band pass", notch: "Notch", allpass: "All pass",
};
const SVG = "http://www.w3.org/2000/svg";

/** Where a frequency stands from left to right, from 0 to 1. */
const shareOf = (/** @type {number} */ hz) => Math.log(hz / LOW_HZ) / Math.log(HIGH_HZ / LOW_HZ);
const hzAt = (/** @type {number} */ share) => LOW_HZ * (HIGH_HZ / LOW_HZ) ** share;
const yOf = (/** @type {number} */ db) => HIGH / 2 * (1 - db / TOP_DB);
const dbAt = (/** @type {number} */ y) => TOP_DB * (1 - y / (HIGH / 2));
const within = (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ value) =>
  Math.min(high, Math.max(low, value));
const hzWords = (/** @type {number} */ hz) => hz >= 1000 ? `${Number((hz / 1000).toPrecision(3))} kHz` : `${Number(hz.toPrecision(3))} Hz`;
const dbWords = (/** @type {number} */ db) => `${db > 0 ? "+" : ""}${db.toFixed(1)} dB`;

/** @param {string} name @param {Record<string, string | number>} attributes */
function drawn(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

export class Equaliser {
  /**
   * @param {HTMLElement} root where its parts are: see index.html
   * @param {number} part its number in the chain
   * @param {(bands: Band[], preampDb: number) => void} changed
   * @param {(words: string) => void} tell
   */
  constructor(root, part, changed, tell) {
    this._root = root;
    this._part = part;
    this._told = changed;
    this._tell = tell;
    /** @type {Chain | null} draws */
    this._chain = null;
    /** @type {Band[]} */
    this.bands = [];
    this.preampDb = 0;
    this.isAuto = true;
    this.isOff = false;
    this.room = 0;
    this._chosen = -1;
    this._wide = 0;
    /** @type {SVGElement[]} */
    this._handles = [];
    this._build();
  }

  /** @param {string} name @returns {any} */
  _the(name) {
    return this._root.querySelector(name);
  }

  _build() {
    const svg = this._the(".curve");
    this._grid = drawn("g", { "aria-hidden": "true" });
    svg.append(this._grid);
    new ResizeObserver(() => this._fit()).observe(svg);
    this._heard = drawn("path", { class: "heard" });
    this._line = drawn("path", { class: "line" });
    svg.append(this._heard, this._line);
    svg.addEventListener("dblclick", (/** @type {MouseEvent} */ event) => {
      if (!(/** @type {Element} */ (event.target)).closest(".handle")) this._addAt(this._placeOf(event));
    });
    this._the(".flat").addEventListener("click", () => this.set(this.bands.map(([kind, hz, q]) => [kind, hz, q, 0]), 0));
    this._the(".more").addEventListener("click", () => this._addAt({ hz: 1000, db: 0 }));
    this._the(".off").addEventListener("change", () => {
      this.isOff = this._the(".off").checked;
      this._changed();
    });
    this._the(".auto").addEventListener("change", () => {
      this.isAuto = this._the(".auto").checked;
      this._changed();
    });
    this._the(".preamp").addEventListener("input", () => {
      this.isAuto = false;
      this.preampDb = Number(this._the(".preamp").value);
      this._changed();
    });
    this._the(".import").addEventListener("change", async () => {
      const input = this._the(".import");
      const file = input.files[0];
      input.value = "";
      if (file) await this.read(file);
    });
    this._the(".export").addEventListener("click", () => this._save());
  }

  /**
   * Show a chain's equaliser; from now on there is a curve.
   * @param {WebAssembly.Module} module
   * @param {ArrayBuffer} image
   */
  open(module, image) {
    this._chain = new Chain(module, image);
    this.room = this._chain.header.parts[this._part].desk?.room ?? 0;
    this._rate = this._chain.header.sampleRate;
    this._draw();
  }

  /** @param {Band[]} bands @param {number} preampDb @param {boolean} isAuto */
  set(bands, preampDb, isAuto = this.isAuto) {
    this.bands = bands.map(([kind, hz, q, gain]) => [kind, hz, q, gain]);
    this.preampDb = within(LEAST_PREAMP_DB, -LEAST_PREAMP_DB, preampDb);
    this.isAuto = isAuto;
    this._chosen = -1;
    this._the(".imported").textContent = "";
    this._the(".skipped").replaceChildren();
    this._rows();
    this._changed();
  }

  /** What is heard: nothing of it while it is off. @returns {{bands: Band[], preampDb: number}} */
  get heard() {
    return this.isOff ? { bands: [], preampDb: 0 } : { bands: this.bands, preampDb: this.preampDb };
  }

  _changed() {
    if (this.isAuto && this._chain) {
      const levels = this._chain.curve(this._part, this.bands);
      let top = 0;
      for (const level of levels) top = Math.max(top, level);
      this.preampDb = -Math.min(-LEAST_PREAMP_DB, Math.ceil(top * 10) / 10);
    }
    this._draw();
    const { bands, preampDb } = this.heard;
    this._told(bands, preampDb);
  }

  /** @param {File} file a preset */
  async read(file) {
    try {
      if (!this._chain) throw new Error("there is no chain yet to hear it by");
      const { bands, preampDb, skipped, curveErrorDb } = parsePreset(await file.arrayBuffer(), this._rate ?? 48_000, this.room);
      this.isOff = false;
      this.set(/** @type {Band[]} */ (bands), preampDb, false);
      this._skipped(file.name, skipped, curveErrorDb, preampDb);
      this._tell("");
    } catch (error) {
      const reason = /** @type {Error} */ (error);
      this._tell(`${file.name}: ${reason.message}`);
    }
  }

  /**
   * @param {string} name
   * @param {{line: number, text: string, reason: string}[]} skipped
   * @param {number} errorDb
   * @param {number} preampDb as it was asked for
   */
  _skipped(name, skipped, errorDb, preampDb) {
    const words = [`${name} is heard.`];
    if (errorDb > 0.1) words.push(`Its curve is followed by 31 bands, within ${errorDb.toFixed(1)} dB.`);
    if (preampDb !== this.preampDb) words.push(`Its preamp of ${dbWords(preampDb)} is more than there is: it is ${dbWords(this.preampDb)}.`);
    if (skipped.length) words.push(`${skipped.length} line${skipped.length > 1 ? "s" : ""} told of below.`);
    this._the(".imported").textContent = words.join(" ");
    const list = this._the(".skipped");
    const told = skipped.slice(0, MOST_TOLD).map(({ line, text, reason }) => `line ${line}: ${text.trim().slice(0, 60)}: ${reason}`);
    if (skipped.length > MOST_TOLD) told.push(`and ${skipped.length - MOST_TOLD} more`);
    list.replaceChildren(...told.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
  }

  _save() {
    let text;
    try {
      text = writePreset({ preampDb: this.preampDb, bands: this.bands });
    } catch (error) {
      this._tell(/** @type {Error} */ (error).message);
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = "Zerocross EQ.txt";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  // --- the curve --------------------------------------------------------------------------------

  /** Draw in the pixels that there are: a circle stays one. */
  _fit() {
    const wide = this._the(".curve").clientWidth;
    if (!wide || wide === this._wide) return;
    this._wide = wide;
    this._the(".curve").setAttribute("viewBox", `0 0 ${wide} ${HIGH}`);
    const lines = [];
    const labels = wide < 500 ? [50, 200, 1000, 5000] : LINES_HZ;
    for (const hz of LINES_HZ) {
      const x = wide * shareOf(hz);
      lines.push(drawn("line", { x1: x, x2: x, y1: 0, y2: HIGH, class: "grid" }));
      if (!labels.includes(hz)) continue;
      const words = drawn("text", { x: within(14, wide - 18, x), y: HIGH - 6, class: "words" });
      words.textContent = hz >= 1000 ? `${hz / 1000}k` : String(hz);
      lines.push(words);
    }
    for (let db = -12; db <= 12; db += 6) {
      lines.push(drawn("line", { x1: 0, x2: wide, y1: yOf(db), y2: yOf(db), class: db ? "grid" : "grid zero" }));
      const words = drawn("text", { x: 4, y: yOf(db) - 4, class: "words left" });
      words.textContent = `${db > 0 ? "+" : ""}${db}`;
      lines.push(words);
    }
    this._grid?.replaceChildren(...lines);
    this._draw();
  }

  /** @param {{clientX: number, clientY: number}} event */
  _placeOf({ clientX, clientY }) {
    const box = this._the(".curve").getBoundingClientRect();
    return {
      hz: within(LOW_HZ, this._highest, hzAt((clientX - box.left) / box.width)),
      db: within(-TOP_DB, TOP_DB, dbAt(HIGH * (clientY - box.top) / box.height)),
    };
  }

  get _highest() {
    return Math.min(HIGH_HZ, 0.49 * (this._rate ?? 48_000));
  }

  /** @param {{hz: number, db: number}} place */
  _addAt({ hz, db }) {
    if (this.bands.length >= this.room) {
      this._tell(`There is room for ${this.room} bands.`);
      return;
    }
    this.bands.push(["peaking", Math.round(hz), 1, Math.round(10 * db) / 10]);
    this._rows();
    this._changed();
    this._choose(this.bands.length - 1, true);
  }

  /** @param {number} k @param {boolean} isRow whether it was a row of the table that had the keys */
  _remove(k, isRow = false) {
    this.bands.splice(k, 1);
    this._rows();
    this._changed();
    const next = Math.min(k, this.bands.length - 1);
    if (next < 0) return;
    this._choose(next, !isRow);
    if (isRow) this._the(`.bands tr:nth-child(${next + 1}) button`).focus();
  }

  /** @param {number} k @param {boolean} isFocused */
  _choose(k, isFocused = false) {
    this._chosen = k;
    this._handles.forEach((handle, i) => handle.classList.toggle("chosen", i === k));
    this._the(".bands").querySelectorAll("tr").forEach((/** @type {Element} */ row, /** @type {number} */ i) => row.classList.toggle("chosen", i === k));
    if (isFocused) this._handles[k]?.focus();
  }

  /** Make handles and lines anew: there are more of them, or fewer. */
  _rows() {
    for (const handle of this._handles) handle.remove();
    this._handles = this.bands.map((_, k) => this._handle(k));
    this._the(".curve").append(...this._handles);
    this._the(".bands").replaceChildren(...this.bands.map((_, k) => this._row(k)));
  }

  /** @param {number} k */
  _handle(k) {
    const handle = drawn("g", { class: "handle", role: "slider", tabindex: 0, "aria-orientation": "vertical" });
    const number = drawn("text", { class: "number", y: 5 });
    number.textContent = String(k + 1);
    handle.append(drawn("circle", { r: 22, class: "reach" }), drawn("circle", { r: 12 }), number);
    handle.addEventListener("focus", () => this._choose(k));
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const { hz, db } = this._placeOf(event);
      this._change(k, { hz: Number(hz.toPrecision(4)), gain: Math.round(10 * db) / 10 });
    });
    handle.addEventListener("wheel", (event) => {
      event.preventDefault();
      this._change(k, { q: this.bands[k][2] * (event.deltaY < 0 ? 1.1 : 1 / 1.1) });
    }, { passive: false });
    handle.addEventListener("dblclick", () => this._change(k, { gain: 0 }));
    handle.addEventListener("keydown", (event) => this._key(k, event));
    return handle;
  }

  /** @param {number} k @param {KeyboardEvent} event */
  _key(k, event) {
    const [, hz, q, gain] = this.bands[k];
    const fine = event.shiftKey;
    const step = 2 ** ((fine ? 1 : 4) / 48);
    const by = fine ? 0.1 : 0.5;
    /** @type {Record<string, () => void>} */
    const does = {
      ArrowLeft: () => this._change(k, { hz: hz / step }),
      ArrowRight: () => this._change(k, { hz: hz * step }),
      ArrowUp: () => this._change(k, { gain: gain + by }),
      ArrowDown: () => this._change(k, { gain: gain - by }),
      "+": () => this._change(k, { q: q * 1.1 }),
      "-": () => this._change(k, { q: q / 1.1 }),
      0: () => this._change(k, { gain: 0 }),
      Delete: () => this._remove(k),
      Backspace: () => this._remove(k),
    };
    if (!does[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    does[event.key]();
  }

  /** @param {number} k @param {{kind?: string, hz?: number, q?: number, gain?: number}} change */
  _change(k, { kind, hz, q, gain }) {
    const now = this.bands[k];
    this.bands[k] = [
      kind ?? now[0],
      within(LOW_HZ, this._highest, hz ?? now[1]),
      within(LEAST_Q, MOST_Q, q ?? now[2]),
      within(-MOST_DB, MOST_DB, gain ?? now[3]),
    ];
    this._changed();
  }

  // --- as numbers -------------------------------------------------------------------------------

  /** @param {number} k */
  _row(k) {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = String(k + 1);
    const kind = document.createElement("select");
    kind.setAttribute("aria-label", `Kind of band ${k + 1}`);
    for (const [value, words] of Object.entries(KIND_WORDS)) kind.add(new Option(words, value));
    kind.addEventListener("change", () => this._change(k, { kind: kind.value }));
    /** @param {string} words @param {"hz" | "q" | "gain"} name @param {number} low @param {number} high */
    const number = (words, name, low, high) => {
      const input = document.createElement("input");
      input.type = "number";
      input.className = name;
      [input.min, input.max, input.step] = [String(low), String(high), "any"];
      input.setAttribute("aria-label", `${words} of band ${k + 1}`);
      input.addEventListener("change", () => {
        const value = input.valueAsNumber;
        if (Number.isNaN(value)) this._draw(); // it stays as it was
        else this._change(k, { [name]: value });
      });
      return input;
    };
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "small";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove band ${k + 1}`);
    remove.addEventListener("click", () => this._remove(k, true));
    const cells = [kind, number("Hz", "hz", LOW_HZ, HIGH_HZ), number("dB", "gain", -MOST_DB, MOST_DB), number("Q", "q", LEAST_Q, MOST_Q), remove];
    row.append(head, ...cells.map((each) => {
      const cell = document.createElement("td");
      cell.append(each);
      return cell;
    }));
    row.addEventListener("focusin", () => this._choose(k));
    return row;
  }

  _draw() {
    const chain = this._chain;
    this._the(".off").checked = this.isOff;
    this._the(".auto").checked = this.isAuto;
    this._the(".preamp").value = String(this.preampDb);
    this._the(".preamp").setAttribute("aria-valuetext", dbWords(this.preampDb));
    this._the(".preamp-words").textContent = dbWords(this.preampDb);
    this._root.classList.toggle("is-off", this.isOff);
    const rows = this._the(".bands").children;
    this.bands.forEach(([kind, hz, q, gain], k) => {
      const handle = this._handles[k];
      const db = GAINLESS.has(kind) ? 0 : gain;
      handle.setAttribute("transform", `translate(${(this._wide * within(0, 1, shareOf(hz))).toFixed(1)} ${yOf(within(-TOP_DB, TOP_DB, db)).toFixed(1)})`);
      const words = `${hzWords(hz)}, ${dbWords(gain)}, Q ${Number(q.toPrecision(3))}`;
      handle.setAttribute("aria-label", `Band ${k + 1}, ${KIND_WORDS[/** @type {keyof typeof KIND_WORDS} */ (kind)]}`);
      handle.setAttribute("aria-valuemin", String(-MOST_DB));
      handle.setAttribute("aria-valuemax", String(MOST_DB));
      handle.setAttribute("aria-valuenow", gain.toFixed(1));
      handle.setAttribute("aria-valuetext", words);
      const row = rows[k];
      row.querySelector("select").value = kind;
      for (const [name, value] of Object.entries({ hz, q, gain })) {
        const input = row.querySelector(`.${name}`);
        if (input !== document.activeElement || !input.validity.valid) input.value = String(Number(value.toPrecision(5)));
      }
      row.querySelector(".gain").disabled = GAINLESS.has(kind);
    });
    if (!chain) return;
    const levels = chain.curve(this._part, this.heard.bands);
    const places = chain.desks[this._part]?.hz ?? [];
    let path = "";
    for (let i = 0; i < places.length; i++) {
      const y = yOf(within(-2 * TOP_DB, 2 * TOP_DB, levels[i]));
      path += `${i ? "L" : "M"}${(this._wide * shareOf(places[i])).toFixed(1)} ${y.toFixed(1)}`;
    }
    this._line?.setAttribute("d", path);
  }

  /**
   * Show what is heard behind the curve.
   * @param {Float32Array} heights from 0 to 1
   * @param {number[]} hz
   */
  show(heights, hz) {
    let path = `M0 ${HIGH}`;
    for (let k = 0; k < hz.length; k++) path += `L${(this._wide * shareOf(hz[k])).toFixed(0)} ${(HIGH * (1 - 0.9 * heights[k])).toFixed(0)}`;
    this._heard?.setAttribute("d", `${path}L${this._wide} ${HIGH}Z`);
  }
}
