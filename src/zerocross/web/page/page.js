// @ts-check
/** The page of an exported chain: a file, and the chain's parameters. */

import { drawBars, slider, time } from "./controls.js";
import { about, makeContext, makeNode } from "./engine.js";

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/** @type {AudioContext | null} */
let context = null;
/** @type {import("./engine.js").ChainNode | null} */
let node = null;
/** @type {GainNode | null} */
let volume = null;
/** @type {AudioBuffer | null} */
let song = null;
/** @type {AudioBufferSourceNode | null} */
let source = null;
let startedAt = 0;
let position = 0;
let isSought = false; // while the thumb is held
let opened = 0; // files so far: the last one is played, whichever is decoded first
/** @type {Promise<void> | null} */
let beginning = null;
/** @type {Awaited<ReturnType<typeof about>> | null} */
let chain = null;
let isDrawing = false;
/** Whether the user wants nothing to move. */
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
/** @type {Map<string, number>} */
const values = new Map();

const MOST_BYTES = 512 * 1024 * 1024;

/** @param {string} words */
function tell(words) {
  element("told").textContent = words;
}

function now() {
  return source && context ? Math.min(song?.duration ?? 0, position + context.currentTime - startedAt) : position;
}

/** Begin the audio, with the first click; once, however many come. */
async function begin() {
  beginning ??= make();
  try {
    await beginning;
  } catch (error) {
    beginning = null;
    throw error;
  }
  await context?.resume();
}

async function make() {
  if (!chain) throw new Error("the chain is not there");
  const made = makeContext(chain.rates);
  try {
    node = await makeNode(made, chain.version);
  } catch (error) {
    made.close();
    throw error;
  }
  context = made;
  node.onprocessorerror = () => tell("The chain has stopped with an error: load the page again.");
  for (const [name, value] of values) node.port.postMessage({ kind: "set", name, value });
  node.port.postMessage({ kind: "bypass", value: element("bypass").checked });
  volume = new GainNode(context, { gain: Number(element("volume").value) });
  node.connect(volume).connect(context.destination);
}

function play() {
  if (!song || !context || !node) return;
  stop();
  if (position >= song.duration) position = 0;
  source = new AudioBufferSourceNode(context, { buffer: song });
  const mine = source;
  mine.onended = () => {
    if (source !== mine) return;
    position = now();
    stop();
    show();
  };
  mine.connect(node);
  startedAt = context.currentTime;
  if (!isDrawing) draw();
  mine.start(0, position);
  show();
}

function stop() {
  const mine = source;
  source = null;
  mine?.stop();
  mine?.disconnect();
}

function pause() {
  position = now();
  stop();
  show();
}

function show() {
  element("play").textContent = source ? "Pause" : "Play";
  element("play").disabled = !song;
  element("seek").disabled = !song;
  const at = now();
  element("seek").max = String(song?.duration ?? 1);
  if (!isSought) element("seek").value = String(at);
  element("seek").setAttribute("aria-valuetext", `${time(at)} of ${time(song?.duration ?? 0)}`);
  element("time").textContent = `${time(at)} / ${time(song?.duration ?? 0)}`;
  element("glitches").textContent = glitches();
}

/** Draw what is heard, until it ends. */
function draw() {
  drawBars(element("spectrum"), node?.shown ?? new Float32Array());
  isDrawing = Boolean(source) && !STILL.matches;
  if (isDrawing) requestAnimationFrame(draw);
}

function glitches() {
  const stats = /** @type {any} */ (context)?.playbackStats;
  if (!context || !source) return "";
  const count = stats?.underrunEvents ?? stats?.fallbackFramesEvents; // as the draft was named before
  if (count === undefined) return "glitches are not counted by this browser";
  return `${count} glitch${count === 1 ? "" : "es"}`;
}

/** @param {File | undefined} file */
async function open(file) {
  if (!file) return;
  const mine = ++opened;
  if (file.size > MOST_BYTES) {
    tell(`${file.name} has ${Math.round(file.size / 2 ** 20)} MiB: a browser keeps all of it in memory; give up to 512.`);
    return;
  }
  tell(`Opening ${file.name} …`);
  try {
    await begin();
    const data = await file.arrayBuffer();
    if (mine !== opened) return;
    const decoded = await /** @type {AudioContext} */ (context).decodeAudioData(data);
    if (mine !== opened) return;
    song = decoded;
  } catch (error) {
    if (mine !== opened) return;
    const reason = /** @type {Error} */ (error);
    tell(reason.name === "EncodingError" || reason.name === "NotReadableError"
      ? `${file.name} is no audio that this browser can decode.` : reason.message);
    return;
  }
  element("name").textContent = file.name;
  tell("");
  position = 0;
  play();
}

/** @param {string} name @param {number} value */
function turn(name, value) {
  values.set(name, value);
  node?.port.postMessage({ kind: "set", name, value });
}

async function main() {
  try {
    chain = await about();
  } catch (error) {
    tell(/** @type {Error} */ (error).message);
    return;
  }
  document.title = `${chain.title} · Zerocross`;
  element("title").textContent = chain.title;
  chain.parts.forEach((part, k) => {
    const group = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = part.name;
    group.append(legend, ...part.params.map((param) =>
      slider(param, (value) => turn(`${k}.${param.name}`, value)).row));
    if (!part.params.length) group.append("no parameters");
    element("parts").append(group);
  });
  element("file").addEventListener("change", () => open(element("file").files[0]));
  element("play").addEventListener("click", async () => {
    await begin();
    if (source) pause();
    else play();
  });
  element("seek").addEventListener("input", () => { isSought = true; });
  for (const kind of ["pointerup", "pointercancel", "blur"]) {
    element("seek").addEventListener(kind, () => { isSought = false; });
  }
  element("seek").addEventListener("change", () => {
    isSought = false;
    position = Number(element("seek").value);
    if (source) play();
    else show();
  });
  element("volume").addEventListener("input", () => {
    if (volume && context) volume.gain.setTargetAtTime(Number(element("volume").value), context.currentTime, 0.01);
  });
  element("bypass").addEventListener("change", () =>
    node?.port.postMessage({ kind: "bypass", value: element("bypass").checked }));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    open(event.dataTransfer?.files[0]);
  });
  document.addEventListener("keydown", (event) => {
    const on = /** @type {HTMLElement} */ (event.target);
    if (event.key === " " && !["INPUT", "BUTTON"].includes(on.tagName)) {
      event.preventDefault();
      element("play").click();
    }
  });
  setInterval(() => source && show(), 250);
  show();
}

addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  tell(String(event.reason?.message ?? event.reason));
});
main();
