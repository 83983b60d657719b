// @ts-check
/** Reading the lines of a preset as Equalizer APO does, for a stereo stream: eq/presets/reader.py without its files. */

import { holds } from "./conditions.js";
import {
  Unapplied, bandOf, first, gainOf, isLonger, plainDigits, pointsOf, printable, strip, wordsOf,
} from "./values.js";

/**
 * @typedef {{line: number, text: string, reason: string, isApplied: boolean}} Skipped
 *   `isApplied`: what of the line can be applied is
 * @typedef {{kind: "preamp", value: number} | {kind: "band", value: import("./values.js").Band}
 *   | {kind: "curve", value: import("./curve.js").Points}} Meaning
 * @typedef {Meaning & {line: number, text: string, channels: number}} Step
 * @typedef {{line: number, text: string, applies: boolean, isDone: boolean, told: Skipped | null}} If
 */

/** Channels of a step: their sum. */
export const LEFT = 1;
export const RIGHT = 2;
export const BOTH = LEFT | RIGHT;
/** How many lines a preset has at most. */
export const MOST_LINES = 10_000;

const MOST_FILTERS = 512;
const MOST_CURVES = 32;
const LONGEST_COMMAND = 40;
const LONGEST_VALUE = 1000;
const SHOWN = 80;
const COMMAND = /^(?:(Filter).*|([A-Z][A-Z ]*?) *\d* *)$/is;
const STAGE = "post-mix";
const STAGES = ["pre-mix", STAGE, "capture"];
/** @type {Record<string, string>} */
const NOT_HERE = {
  include: "another file: the page reads none but this one",
  convolution: "an impulse response: the page's equaliser has bands alone",
  delay: "a delay: the page's equaliser has none",
  copy: "sums of channels: the page's equaliser keeps both as they are",
};

/** Scopes in the order of Equalizer APO: the device, conditions, the stage, and then all other commands. */
export class Reader {
  /** @param {number} sampleRate */
  constructor(sampleRate) {
    /** @type {Step[]} What applies, in order. */
    this.steps = [];
    /** @type {Skipped[]} Lines that are not applied; not those of a condition that does not hold. */
    this.skipped = [];
    /** Whether there is a condition that could be told. */
    this.isConditional = false;
    /** Whether there is anything that Python would apply. */
    this.isUnderstood = false;
    this._sampleRate = sampleRate;
    this._names = { sampleRate, inputChannelCount: 2, outputChannelCount: 2, stage: STAGE };
    this._line = { line: 0, text: "" };
    this._counts = { lines: 0, filters: 0, curves: 0 };
    this._channels = BOTH;
    /** @type {Skipped | null} The lines that shut a scope. */
    this._deviceTold = null;
    /** @type {Skipped | null} */
    this._stageTold = null;
    /** @type {Skipped | null} */
    this._channelTold = null;
    /** @type {If[]} */
    this._ifs = [];
    /** @type {Map<Skipped, [number, number]>} */
    this._leftOut = new Map();
  }

  /** @param {string} text */
  parse(text) {
    text.split(/\r\n|\r|\n/).forEach((raw, k) => {
      const line = strip(raw.replaceAll("\0", "")).replace(/^\ufeff+/, "");
      if (!line || line.startsWith("#")) return;
      if (++this._counts.lines > MOST_LINES) throw new Error("more than 10,000 lines; that is no preset");
      this._line = { line: k + 1, text: first(line, SHOWN) };
      try {
        this._take(line);
      } catch (why) {
        if (!(why instanceof Unapplied)) throw why;
        this.tell(why.message);
      }
    });
    for (const each of this._ifs) {
      if (!each.told) this.tell("no EndIf ends it before the file does", each, true);
    }
  }

  /**
   * @param {string} reason
   * @param {{line: number, text: string}} where
   */
  tell(reason, { line, text } = this._line, isApplied = false) {
    const told = { line, text, reason: printable(reason), isApplied };
    this.skipped.push(told);
    return told;
  }

  /** @returns {Skipped[]} all that was told, in the lines' order; what shut a scope says which lines that left out */
  finish() {
    for (const [told, [from, to]] of this._leftOut) {
      told.reason += `; ${from === to ? `line ${from} is` : `lines ${from} to ${to} are`} left out`;
    }
    this._leftOut.clear();
    return this.skipped.sort((a, b) => a.line - b.line);
  }

  /** @param {Skipped | null} told the line because of which this one is left out, where there is one to be told */
  _leave(told) {
    const { line } = this._line;
    if (told && line !== told.line) this._leftOut.set(told, [this._leftOut.get(told)?.[0] ?? line, line]);
  }

  /** @param {string} line */
  _take(line) {
    const colon = line.indexOf(":");
    const command = plainDigits(line.slice(0, Math.max(colon, 0)));
    const value = plainDigits(line.slice(colon + 1));
    const match = isLonger(command, LONGEST_COMMAND) ? null : COMMAND.exec(command);
    const name = (match?.[1] ?? match?.[2] ?? "").trim().toLowerCase();
    if (name === "device") this._deviceTold = this._device(value);
    if (this._deviceTold) return this._leave(this._deviceTold);
    if (["if", "elseif", "else", "endif"].includes(name)) return this._condition(name, line.slice(colon + 1));
    const shut = this._ifs.find((each) => !each.applies);
    if (shut) return this._leave(shut.told);
    if (name === "include") return this._refuse(name);
    if (name === "stage") this._stageTold = this._stage(value);
    if (this._stageTold) return this._leave(this._stageTold);
    if (!name) throw new Unapplied("it is not a command");
    if (name !== "device" && name !== "stage") this._apply(name, value, command);
  }

  /** @param {string} value */
  _device(value) {
    const patterns = value.toLowerCase().split(";").map(wordsOf);
    if (patterns.some((words) => words.length === 1 && words[0] === "all")) return null;
    return this.tell("only 'Device: all' is known to be meant; write that if it is");
  }

  /** @param {string} value */
  _stage(value) {
    const stages = wordsOf(value.toLowerCase());
    if (stages.includes(STAGE)) return null;
    const isKnown = stages.every((each) => STAGES.includes(each));
    return this.tell(`what is played is ${STAGE}${isKnown ? "" : ", and no other stage"}`);
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  _condition(name, value) {
    const ifs = this._ifs;
    const last = ifs[ifs.length - 1];
    if (name === "if") {
      const shut = ifs.find((each) => !each.applies);
      ifs.push({ ...this._line, applies: false, isDone: Boolean(shut), told: shut?.told ?? null });
      if (!shut) this._decide(ifs[ifs.length - 1], value, true);
    } else if (!last) {
      throw new Unapplied("there is no If before it");
    } else if (name === "endif") {
      ifs.pop();
    } else if (last.isDone) {
      last.applies = false;
    } else if (name === "else") {
      last.applies = last.isDone = true;
    } else {
      this._decide(last, value, false);
    }
  }

  /**
   * @param {If} one
   * @param {string} value
   * @param {boolean} isOver whether none of the others applies either if this cannot be told
   */
  _decide(one, value, isOver) {
    try {
      one.applies = one.isDone = holds(value, this._names);
      this.isConditional = true;
    } catch (why) {
      if (!(why instanceof Unapplied)) throw why;
      one.isDone ||= isOver;
      one.told = this.tell(why.message);
    }
  }

  /**
   * @param {string} name
   * @param {string} value
   * @param {string} command as it is written
   */
  _apply(name, value, command) {
    if (value.includes("`")) throw new Unapplied("an expression within a line is not supported");
    const plain = strip(value.split("#", 1)[0]);
    if (name === "graphiceq") return this._curve(plain);
    if (isLonger(plain, LONGEST_VALUE)) throw new Unapplied(`it is longer than ${LONGEST_VALUE} characters`);
    if (name === "channel") return this._choose(plain);
    if (name === "preamp") return this._add({ kind: "preamp", value: gainOf(plain) });
    if (name === "filter") {
      const value = bandOf(plain, this._sampleRate);
      this._count("filters", MOST_FILTERS);
      return this._add({ kind: "band", value });
    }
    if (name === "convolution") this._count("curves", MOST_CURVES);
    if (Object.hasOwn(NOT_HERE, name)) return this._refuse(name);
    throw new Unapplied(`the command '${strip(command)}' is not supported`);
  }

  /** @param {string} plain */
  _curve(plain) {
    const { points, leftOut } = pointsOf(plain);
    this._count("curves", MOST_CURVES);
    this._add({ kind: "curve", value: points });
    if (leftOut) this.tell(`without its end: ${leftOut}`, this._line, true);
  }

  /** @param {Meaning} meaning */
  _add(meaning) {
    this.isUnderstood = true;
    if (this._channels) this.steps.push({ ...meaning, ...this._line, channels: this._channels });
    else this._leave(this._channelTold);
  }

  /** @param {string} name of a command that Python has */
  _refuse(name) {
    this.isUnderstood = true;
    this.tell(NOT_HERE[name]);
  }

  /** @param {string} value */
  _choose(value) {
    const words = [...new Set(wordsOf(value.toUpperCase()))];
    const places = words.map((word) => (word === "ALL" ? BOTH : place(word)));
    this._channels = places.reduce((all, one) => all | one, 0);
    const unknown = words.filter((_, k) => !places[k]);
    this._channelTold = null;
    if (!this._channels || unknown.length) {
      this._channelTold = this.tell(`${first(unknown.join(" "), 20) || "nothing"} names no channel of L R`);
    }
  }

  /**
   * @param {"filters" | "curves"} what
   * @param {number} most
   */
  _count(what, most) {
    if (this._counts[what] >= most) throw new Unapplied(`more than ${most} ${what}`);
    this._counts[what]++;
  }
}

/** @param {string} word a channel's name or number @returns {number} LEFT, RIGHT, or 0 for none */
function place(word) {
  const number = /^\d{1,9}/.exec(word);
  const index = number ? Number(number[0]) - 1 : ["L", "R"].indexOf(word);
  return [LEFT, RIGHT][index] ?? 0;
}
