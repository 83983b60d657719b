// @ts-check
/** The page: what its parts show and do. */

import { Equaliser } from "./equaliser.js";
import { about as fetchAbout, hasVectors } from "./engine.js";
import { slider, time } from "./controls.js";
import { Player } from "./player.js";
import { inOrder, isAudio, isPlaylist, parsePlaylist } from "./playlist.js";
import { LoudnessMeter } from "./loudness.js";
import { Reorder } from "./reorder.js";
import { MODES, Visual, levelWords } from "./visual.js";

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/** Whether the user wants nothing to move. */
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const STORED = "zerocross";
const SCALES = { logarithmic: "logarithmic", mel: "mel", bark: "Bark", linear: "linear" };
/** Between looks at the clocks; how far they may part in between: else the sound stood still. */
const LOOK_MS = 250, GLITCH_S = 0.015;

/** @type {Awaited<ReturnType<typeof fetchAbout>>} */
let about;
/** @type {Player} */
let player;
/** @type {Equaliser | null} */
let equaliser = null;
/** @type {Visual} */
let visual;
/** @type {LoudnessMeter} */
let meter;
let isDrawing = false;
let isSought = false; // while the thumb is held
let display = 0;
let muted = 0; // the volume before
let glitches = 0; // as the clocks tell
/** @type {{wall: number, audio: number} | null} */
let clocks = null;
/** @type {Record<string, any>} what is remembered */
let stored = {};

/** @param {string} words */
function tell(words) {
  element("told").textContent = words;
}

// --- what is remembered ---------------------------------------------------------------------------

function remember() {
  try {
    localStorage.setItem(`${STORED} ${about.title}`, JSON.stringify(stored));
  } catch {
    // a browser that keeps nothing
  }
}

function recall() {
  try {
    const found = JSON.parse(localStorage.getItem(`${STORED} ${about.title}`) ?? "{}");
    if (found && typeof found === "object") stored = found;
  } catch {
    stored = {};
  }
}

// --- the player -----------------------------------------------------------------------------------

function show() {
  const { track, isPlaying } = player;
  const at = player.position, all = player.duration;
  element("play").textContent = isPlaying ? "Pause" : "Play";
  element("play").disabled = !player.queue.length;
  element("previous").disabled = element("next").disabled = !player.queue.length;
  element("seek").disabled = !track || !Number.isFinite(all);
  element("seek").max = String(Number.isFinite(all) ? all : 1);
  if (!isSought) element("seek").value = String(at);
  element("seek").setAttribute("aria-valuetext", `${time(at)} of ${time(all || 0)}`);
  element("time").textContent = time(at);
  element("length").textContent = time(all || 0);
  element("glitches").textContent = glitchWords();
  if ("mediaSession" in navigator) {
    navigator.mediaSession.playbackState = isPlaying ? "playing" : track ? "paused" : "none";
    if (track && all > 0 && at <= all) navigator.mediaSession.setPositionState({ duration: all, position: at, playbackRate: 1 });
  }
  if (isPlaying && !isDrawing && !STILL.matches) draw(performance.now());
}

let coverUrl = "";

function showTrack() {
  const track = player.track;
  const title = track ? track.title || track.name : "Nothing yet: open files or a folder, or drop them here.";
  const more = track ? [track.artist, track.album].filter(Boolean).join(" — ") : "";
  element("name").textContent = title;
  element("artist").textContent = more;
  document.title = track ? `${title} · ${about.title}` : `${about.title}`;
  URL.revokeObjectURL(coverUrl);
  coverUrl = track?.cover ? URL.createObjectURL(track.cover) : "";
  element("cover").hidden = !coverUrl;
  if (coverUrl) element("cover").src = coverUrl;
  else element("cover").removeAttribute("src");
  if ("mediaSession" in navigator) {
    navigator.mediaSession.metadata = track ? new MediaMetadata({
      title, artist: track.artist, album: track.album, artwork: coverUrl ? [{ src: coverUrl }] : [],
    }) : null;
  }
  markTrack();
  show();
}

/** Mark the track that plays in the queue. */
function markTrack() {
  const list = element("tracks");
  list.querySelector("[aria-current]")?.removeAttribute("aria-current");
  if (player.track) list.querySelector(`.track[data-number="${player.track.number}"]`)?.setAttribute("aria-current", "true");
}

/** @param {import("./player.js").Track} track of which something else is known */
function showTags(track) {
  const button = element("tracks").querySelector(`.track[data-number="${track.number}"]`);
  if (button) fill(button, track);
}

function showQueue() {
  const list = element("tracks");
  const focused = /** @type {HTMLElement | null} */ (document.activeElement?.closest?.("#tracks button"));
  const [number, isRemove] = [focused?.dataset.number, focused?.className === "remove"];
  list.replaceChildren(...player.queue.map(row));
  if (number === undefined) return;
  const again = list.querySelector(`[data-number="${number}"]${isRemove ? ".remove" : ".track"}`);
  (again ?? list.querySelector("button") ?? list).focus();
}

/** @param {import("./player.js").Track} track */
function row(track) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const remove = document.createElement("button"), grip = document.createElement("span");
  button.type = remove.type = "button";
  button.className = "track";
  button.dataset.number = remove.dataset.number = String(track.number);
  if (track === player.track) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => player.play(track, 0));
  button.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    if (event.key === "Delete") player.remove(track);
    else if (event.altKey && by) player.move(track, by);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  remove.className = "remove";
  remove.textContent = "✕";
  remove.addEventListener("click", () => player.remove(track));
  grip.className = "grip";
  grip.textContent = "⠿";
  grip.setAttribute("role", "button"); // not in the way of the keyboard, which has keys of its own
  grip.setAttribute("aria-pressed", "false");
  grip.tabIndex = -1;
  item.append(grip, button, remove);
  fill(button, track);
  return item;
}

/** @param {Element} button a track's @param {import("./player.js").Track} track */
function fill(button, track) {
  const words = document.createElement("span"), length = document.createElement("span");
  const title = track.title || track.name;
  words.className = track.problem ? "words problem" : "words";
  words.textContent = track.artist ? `${title} — ${track.artist}` : title;
  length.className = "soft";
  length.textContent = Number.isFinite(track.durationS) ? time(track.durationS) : "";
  button.setAttribute("title", track.problem);
  button.replaceChildren(words, length);
  button.nextElementSibling?.setAttribute("aria-label", `Remove ${title}`);
  button.previousElementSibling?.setAttribute("aria-label", `Move ${title}`);
}

/** Tell what was removed, with a way back. @param {import("./player.js").Track[]} tracks */
function showRemoved(tracks) {
  const [first] = tracks;
  const words = tracks.length > 1 ? `${tracks.length} tracks were removed.` : first ? `${first.title || first.name} was removed.` : "";
  element("removed").firstElementChild.textContent = words;
  element("undo").hidden = !words;
}

function undo() {
  const back = player.undo();
  const [first] = back;
  if (!first) return;
  element("tracks").querySelector(`.track[data-number="${first.number}"]`)?.focus();
}

/** @param {number} to @param {boolean} isKept for the next time */
function setVolume(to, isKept = true) {
  player.volume = Math.min(1, Math.max(0, to));
  element("volume").value = String(player.volume);
  element("volume").setAttribute("aria-valuetext", `${Math.round(100 * player.volume)} %`);
  if (isKept) stored.volume = player.volume;
  remember();
}

// --- files ----------------------------------------------------------------------------------------

/** @param {File[]} files @param {boolean} isFolder that others than audio may lie in */
async function open(files, isFolder = false) {
  if (!files.length) return;
  tell("");
  const known = inOrder(files.filter((file) => isAudio(file.name)));
  const lists = isFolder ? [] : files.filter((file) => isPlaylist(file.name)); // a folder is heard whole
  const presets = isFolder ? [] : files.filter((file) => /\.txt$/i.test(file.name));
  const rest = files.filter((file) => ![...known, ...lists, ...presets].includes(file));
  const unknown = isFolder ? [] : rest; // by its name it is none: the browser is asked
  const found = [...(lists.length && known.length ? await listed(lists, known) : known), ...unknown];
  for (const preset of presets) {
    if (equaliser) await equaliser.read(preset);
    else tell(`${preset.name}: the chain of this page has no equaliser for a preset.`);
  }
  if (!found.length) {
    if (lists.length) tell(`${lists[0].name} is a list of files: open them with it, or their folder.`);
    else if (isFolder) tell("There is no audio file in the folder.");
    return;
  }
  const wasEmpty = !player.queue.length || !player.isPlaying;
  const [first] = player.add(found);
  if (wasEmpty) await player.play(first, 0);
}

/**
 * Put files into the order of lists, which name them by their paths; what no list names follows.
 * @param {File[]} lists @param {File[]} files
 */
async function listed(lists, files) {
  /** @type {File[]} */
  const made = [];
  let missing = 0;
  for (const list of lists) {
    for (const { path } of parsePlaylist(await list.text(), list.name)) {
      const name = path.replaceAll("\\", "/");
      const last = name.slice(name.lastIndexOf("/") + 1);
      const found = files.find((file) => `/${file.webkitRelativePath || file.name}`.endsWith(`/${name.replace(/^(\.\/)+/, "")}`))
        ?? files.find((file) => file.name === last);
      if (found) made.push(found);
      else missing++;
    }
  }
  if (missing) tell(`${missing} file${missing > 1 ? "s" : ""} of the list ${missing > 1 ? "are" : "is"} not among those that were opened.`);
  return [...made, ...files.filter((file) => !made.includes(file))];
}

/** @param {DataTransfer} data @returns {Promise<{files: File[], isFolder: boolean}>} with what folders have inside */
async function dropped(data) {
  const entries = Array.from(data.items, (item) => item.webkitGetAsEntry?.()).filter((each) => each);
  if (!entries.some((each) => each?.isDirectory)) return { files: Array.from(data.files), isFolder: false };
  /** @type {File[]} */
  const files = [];
  /** @param {any} entry */
  const walk = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((done, fail) => entry.file(done, fail));
      Object.defineProperty(file, "webkitRelativePath", { value: entry.fullPath.slice(1) });
      files.push(file);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!some.length) return;
      for (const each of some) await walk(each);
    }
  };
  for (const entry of entries) await walk(entry);
  return { files, isFolder: true };
}

// --- the picture ----------------------------------------------------------------------------------

/** Draw what is heard, until it is silent. @param {number} ms */
function draw(ms) {
  const node = player.node;
  if (node?.header.look) {
    const shown = node.shown;
    const drawn = node.header.look.displays[shown.counts[0]] ?? node.header.look.displays[0];
    visual.draw({ shown, display: drawn, rate: node.header.sampleRate, loudness: meter.loudness }, ms);
    const heights = shown.counts[6] ? shown.heights.map((each, k) => Math.max(each, shown.rightHeights[k])) : shown.heights;
    equaliser?.show(heights, drawn.hz);
  }
  const isSilent = node ? node.shown.peak.every((peak) => peak < 1e-4) : true;
  isDrawing = (player.isPlaying || !isSilent) && player.context?.state === "running" && !STILL.matches;
  if (isDrawing) requestAnimationFrame(draw);
}

function chooseDisplay() {
  const displays = player.node?.header.look?.displays ?? [];
  const wanted = visual.mode === "octaves" ? "octave" : element("scale").value;
  display = Math.max(0, displays.findIndex((each) => each.name === wanted));
  player.node?.port.postMessage({ kind: "look", display, isStereo: visual.mode === "stereo" });
  element("scale").disabled = ["octaves", "scope", "goniometer", "meters"].includes(visual.mode);
}

/** @param {string} mode */
function setMode(mode) {
  visual.mode = mode in MODES ? mode : "bars";
  element("mode").value = visual.mode;
  stored.mode = visual.mode;
  remember();
  chooseDisplay();
  if (!isDrawing) draw(performance.now());
}

// --- loudness -------------------------------------------------------------------------------------

/** Measure, or do so no more. @param {boolean} isOn */
async function measure(isOn) {
  element("measures").checked = isOn;
  element("loudness").hidden = !isOn;
  stored.isMeasured = isOn;
  remember();
  showLoudness();
  try {
    await meter.measure(isOn ? player.node : null);
  } catch (error) {
    tell(/** @type {Error} */ (error).message);
  }
  showLoudness();
}

function showLoudness() {
  const { loudness } = meter;
  const words = (/** @type {number | undefined} */ level, /** @type {string} */ unit) => `${levelWords(level ?? -Infinity)} ${unit}`;
  element("momentary").textContent = words(loudness?.momentary, "LUFS");
  element("short-term").textContent = words(loudness?.short_term, "LUFS");
  element("integrated").textContent = words(loudness?.integrated, "LUFS");
  element("true-peak").textContent = words(loudness?.true_peak, "dBTP");
  element("measured").textContent = `${time(loudness?.seconds ?? 0)} measured, behind the effects; anew with each track and seek`;
  if (!isDrawing && visual.mode === "meters") draw(performance.now());
}

// --- the engine -----------------------------------------------------------------------------------

/** @returns {number | undefined} glitches that the browser has counted */
function counted() {
  const stats = /** @type {any} */ (player.context)?.playbackStats;
  return stats?.underrunEvents ?? stats?.fallbackFramesEvents; // as the draft was named before
}

function glitchWords() {
  if (!player.context || !player.isPlaying) return "";
  const count = counted() ?? glitches;
  return count ? `${count} glitch${count === 1 ? "" : "es"}` : "";
}

/** Compare the clocks: where the sound's stands still while the wall's goes on, something was not heard. */
function lookAtClocks() {
  const context = player.context;
  if (!context || context.state !== "running") {
    clocks = null;
    return;
  }
  const stamp = context.getOutputTimestamp?.();
  if (!stamp?.performanceTime || stamp.contextTime === undefined) return;
  const now = { wall: stamp.performanceTime / 1000, audio: stamp.contextTime };
  if (clocks && now.wall - clocks.wall - (now.audio - clocks.audio) > GLITCH_S) glitches++;
  clocks = now;
}

function showFacts() {
  const { context, node } = player;
  if (!element("engine").open) return;
  /** @type {[string, string][]} */
  const facts = [];
  const ms = (/** @type {number | undefined} */ seconds) => seconds ? `${(1000 * seconds).toFixed(1)} ms` : "not told by this browser";
  facts.push(["Code", hasVectors() ? "WebAssembly with vectors (SIMD)" : "WebAssembly without vectors: this browser has none"]);
  if (context && node) {
    const { counts } = node.shown;
    const latency = node.header.latency / context.sampleRate;
    facts.push(
      ["State", context.state],
      ["Sample rate", `${context.sampleRate} Hz`],
      ["Quantum", counts[1] ? `${counts[1]} frames, ${(1000 * counts[1] / context.sampleRate).toFixed(1)} ms` : "none yet"],
      ["Latency of the context", ms(context.baseLatency)],
      ["Latency of the output", ms(context.outputLatency)],
      ["Latency of the chain", `${(1000 * latency).toFixed(1)} ms`],
      ["Quanta", String(counts[2])],
      ["Slow quanta", `${counts[3]} took longer than they last, the longest ${counts[5]} ms (its clock has whole ms)`],
      ["What is shown", node.isShared ? "in shared memory" : `in 4 buffers that are used again; ${counts[4]} times none was back`],
      ["Glitches", counted() === undefined
        ? `${glitches}, by the clocks of output and page: weaker than a count, which this browser does not have`
        : `${counted()}, counted by the browser`],
    );
  }
  element("facts").replaceChildren(...facts.flatMap(([name, words]) => {
    const [term, said] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    said.textContent = words;
    return [term, said];
  }));
}

// --- effects --------------------------------------------------------------------------------------

/** @param {string} name @param {number} value */
function setParam(name, value) {
  player.node?.port.postMessage({ kind: "set", name, value });
}

/** Give a new chain all that is set. */
function setAll() {
  for (const [name, value] of Object.entries(stored.params)) setParam(name, /** @type {number} */ (value));
  about.parts.forEach((part, k) => {
    if (part.off && stored.off[k]) for (const [name, value] of Object.entries(part.off)) setParam(`${k}.${name}`, value);
  });
  player.node?.port.postMessage({ kind: "bypass", value: element("bypass").checked });
  if (equaliser) sendBands(equaliser.heard.bands, equaliser.heard.preampDb);
  chooseDisplay();
}

/** @param {import("./chain.js").Band[]} bands @param {number} preampDb */
function sendBands(bands, preampDb) {
  const part = about.parts.findIndex((each) => each.desk);
  player.node?.port.postMessage({ kind: "bands", part, bands });
  setParam(`${part}.preamp_db`, preampDb);
}

/** @param {any} part @param {number} k */
function group(part, k) {
  const made = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = part.name;
  made.append(legend);
  const isParam = (/** @type {string} */ name) => part.params.some((/** @type {any} */ each) => `${k}.${each.name}` === name);
  if (part.off) {
    const label = document.createElement("label"), on = document.createElement("input");
    on.type = "checkbox";
    on.checked = !stored.off[k];
    label.append(on, " On");
    on.addEventListener("change", () => {
      stored.off[k] = !on.checked;
      remember();
      for (const param of part.params) {
        const name = `${k}.${param.name}`;
        setParam(name, on.checked ? stored.params[name] ?? param.value : part.off[param.name] ?? stored.params[name] ?? param.value);
      }
    });
    made.append(label);
  }
  for (const param of part.params) {
    const name = `${k}.${param.name}`;
    const { row, put } = slider(param, (value) => {
      stored.params[name] = value;
      remember();
      if (!(part.off && stored.off[k] && param.name in part.off)) setParam(name, value);
    });
    row.className = "slider";
    if (isParam(name) && name in stored.params) put(stored.params[name]);
    made.append(row);
  }
  if (!part.params.length) made.append("no parameters");
  return made;
}

function showParts() {
  about.parts.forEach((part, k) => {
    if (!(part.name in { Equalizer: 1 } && part.desk)) {
      element("parts").append(group(part, k));
      return;
    }
    element("equaliser").hidden = false;
    equaliser = new Equaliser(element("equaliser"), k, (bands, preampDb) => {
      stored.equaliser = { bands: equaliser?.bands, preampDb: equaliser?.preampDb, isAuto: equaliser?.isAuto, isOff: equaliser?.isOff };
      remember();
      sendBands(bands, preampDb);
    }, tell);
  });
  element("effects").hidden = !element("parts").children.length;
}

/** Show the equaliser as it was left, or as the chain has it. */
function showEqualiser() {
  const node = player.node;
  if (!equaliser || !node) return;
  equaliser.open(node.module, node.image);
  const part = about.parts.findIndex((each) => each.desk);
  const { bands, preampDb, isAuto, isOff } = stored.equaliser ?? {};
  equaliser.isOff = Boolean(isOff);
  const own = node.header.parts[part];
  const preamp = own.params.find((each) => each.name === "preamp_db")?.value ?? 0;
  const made = own.desk?.bands ?? [];
  const isBand = (/** @type {any} */ each) => Array.isArray(each) && each.length === 4 && own.desk?.kinds.includes(each[0]) &&
    each.slice(1).every(Number.isFinite) && each[1] > 0 && each[2] > 0;
  if (Array.isArray(bands) && bands.length <= equaliser.room && bands.every(isBand)) {
    equaliser.set(/** @type {import("./chain.js").Band[]} */ (bands), Number.isFinite(preampDb) ? preampDb : 0, Boolean(isAuto));
  } else equaliser.set(made, preamp, preamp === 0 && made.every((each) => each[3] === 0)); // what was made is heard as it was made
}

// --- keys -----------------------------------------------------------------------------------------

/** @param {KeyboardEvent} event */
function key(event) {
  const on = /** @type {HTMLElement} */ (event.target);
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key === "z" && !on.matches("input[type=number]")) {
    event.preventDefault();
    undo();
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const kind = on.tagName === "INPUT" ? /** @type {HTMLInputElement} */ (on).type : "";
  const typed = kind !== "" && !["checkbox", "file"].includes(kind);
  // What the keys have reached takes the space itself; what was clicked has done its work.
  const takesSpace = kind === "number" || (kind !== "range" && on.matches(":focus-visible") && on.matches("input, button, select, summary"));
  const takesArrows = typed || on.tagName === "SELECT";
  /** @type {Record<string, () => void>} */
  const does = {
    " ": () => player.toggle(),
    ArrowLeft: () => player.seek(player.position - (event.shiftKey ? 30 : 5)),
    ArrowRight: () => player.seek(player.position + (event.shiftKey ? 30 : 5)),
    ArrowUp: () => setVolume(player.volume + 0.05),
    ArrowDown: () => setVolume(player.volume - 0.05),
    n: () => player.next(),
    p: () => player.previous(),
    m: () => {
      const was = player.volume;
      setVolume(was ? 0 : muted || 1, !was);
      muted = was;
    },
    b: () => element("bypass").click(),
    v: () => {
      const names = Object.keys(MODES);
      setMode(names[(names.indexOf(visual.mode) + 1) % names.length]);
    },
    l: () => { measure(!element("measures").checked); },
    r: () => meter.begin(),
    u: undo,
  };
  if (!does[event.key] || typed && event.key.length > 1 && takesArrows || (event.key === " " && takesSpace)) return;
  if (event.key.startsWith("Arrow") && takesArrows) return;
  if (kind === "number") return;
  if (on.tagName === "SELECT" && event.key.length === 1) return;
  event.preventDefault();
  does[event.key]();
}

// --- all of it ------------------------------------------------------------------------------------

function listen() {
  element("file").addEventListener("change", async () => {
    const files = Array.from(element("file").files);
    element("file").value = "";
    await open(files);
  });
  element("folder").addEventListener("change", async () => {
    const files = Array.from(element("folder").files);
    element("folder").value = "";
    await open(files, true);
  });
  element("play").addEventListener("click", () => player.toggle());
  element("previous").addEventListener("click", () => player.previous());
  element("next").addEventListener("click", () => player.next());
  element("clear").addEventListener("click", () => player.clear());
  for (const id of ["player", "tracks", "clear"]) element(id).addEventListener("click", () => tell(""), true); // it was read
  element("seek").addEventListener("input", () => {
    isSought = true;
    element("time").textContent = time(Number(element("seek").value));
  });
  for (const kind of ["pointerup", "pointercancel", "blur"]) {
    element("seek").addEventListener(kind, () => { isSought = false; });
  }
  element("seek").addEventListener("change", () => {
    isSought = false;
    player.seek(Number(element("seek").value));
  });
  element("seek").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5 }[event.key];
    if (!by) return;
    event.preventDefault();
    player.seek(player.position + by * (event.shiftKey ? 6 : 1));
  });
  element("volume").addEventListener("input", () => setVolume(Number(element("volume").value)));
  element("bypass").addEventListener("change", () =>
    player.node?.port.postMessage({ kind: "bypass", value: element("bypass").checked }));
  element("mode").addEventListener("change", () => setMode(element("mode").value));
  element("scale").addEventListener("change", () => {
    stored.scale = element("scale").value;
    remember();
    chooseDisplay();
  });
  const order = () => {
    [stored.repeat, stored.isShuffled] = [element("repeat").value, element("shuffle").checked];
    remember();
    player.setOrder(stored.repeat, stored.isShuffled);
  };
  element("repeat").addEventListener("change", order);
  element("shuffle").addEventListener("change", order);
  element("replaygain").addEventListener("change", () => {
    stored.replayGain = element("replaygain").value;
    remember();
    player.setReplayGain(stored.replayGain);
  });
  new Reorder(element("tracks"), (from, to) => player.move(player.queue[from], to - from));
  element("undo").addEventListener("click", undo);
  element("measures").addEventListener("change", () => measure(element("measures").checked));
  element("anew").addEventListener("click", () => meter.begin());
  element("engine").addEventListener("toggle", showFacts);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("is-over"));
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    document.body.classList.remove("is-over");
    if (!event.dataTransfer) return;
    const { files, isFolder } = await dropped(event.dataTransfer);
    await open(files, isFolder);
  });
  document.addEventListener("keydown", key);
  STILL.addEventListener("change", () => isDrawing || draw(performance.now()));
  player.addEventListener("queue", () => {
    showQueue();
    show();
  });
  player.addEventListener("removed", (event) => showRemoved(/** @type {CustomEvent} */ (event).detail));
  player.addEventListener("tags", (event) => showTags(/** @type {CustomEvent} */ (event).detail));
  player.addEventListener("track", showTrack);
  player.addEventListener("state", () => {
    meter.hold(!player.isPlaying);
    show();
  });
  player.addEventListener("next", (event) => meter.expect(/** @type {CustomEvent} */ (event).detail));
  player.addEventListener("anew", (event) => meter.begin(/** @type {CustomEvent} */ (event).detail));
  player.addEventListener("ready", () => {
    showEqualiser();
    setAll();
    measure(element("measures").checked);
  });
  player.addEventListener("problem", (event) => tell(/** @type {CustomEvent} */ (event).detail));
  setInterval(() => {
    lookAtClocks();
    if (player.isPlaying) show();
    if (element("measures").checked) showLoudness();
    showFacts();
  }, LOOK_MS);
}

function listenToKeysOfMedia() {
  if (!("mediaSession" in navigator)) return;
  /** @type {[MediaSessionAction, MediaSessionActionHandler][]} */
  const does = [
    ["play", () => player.play()], ["pause", () => player.pause()], ["stop", () => player.pause()],
    ["nexttrack", () => player.next()], ["previoustrack", () => player.previous()],
    ["seekto", ({ seekTime }) => player.seek(seekTime ?? 0)],
    ["seekbackward", ({ seekOffset }) => player.seek(player.position - (seekOffset ?? 10))],
    ["seekforward", ({ seekOffset }) => player.seek(player.position + (seekOffset ?? 10))],
  ];
  for (const [name, call] of does) {
    try {
      navigator.mediaSession.setActionHandler(name, call);
    } catch {
      // a browser that does not know it
    }
  }
}

/** Keep the page for when there is no net; on servers without its headers it is isolated by this, at its second load. */
async function keepPage() {
  if (!("serviceWorker" in navigator) || !isSecureContext) return;
  try {
    const registration = await navigator.serviceWorker.register("sw.js");
    registration.active?.postMessage("look");
    await navigator.serviceWorker.ready;
    if (crossOriginIsolated || sessionStorage.getItem("zerocross isolated") || player.queue.length) return;
    sessionStorage.setItem("zerocross isolated", "tried");
    location.reload();
  } catch {
    // it plays without
  }
}

async function main() {
  try {
    about = await fetchAbout();
  } catch (error) {
    tell(/** @type {Error} */ (error).message);
    return;
  }
  recall();
  stored.params = Object(stored.params);
  stored.off = Object(stored.off);
  about.parts.forEach((part, k) => { if (part.off) stored.off[k] ??= true; });
  document.title = about.title;
  element("title").textContent = about.title;
  player = new Player(about);
  visual = new Visual(element("spectrum"));
  meter = new LoudnessMeter(about);
  element("measures").checked = Boolean(stored.isMeasured);
  element("loudness").hidden = !stored.isMeasured;
  for (const [name, words] of Object.entries(MODES)) element("mode").add(new Option(words, name));
  for (const [name, words] of Object.entries(SCALES)) element("scale").add(new Option(words, name));
  element("scale").value = stored.scale in SCALES ? stored.scale : "logarithmic";
  element("repeat").value = ["off", "all", "one"].includes(stored.repeat) ? stored.repeat : "off";
  element("shuffle").checked = Boolean(stored.isShuffled);
  element("replaygain").value = ["off", "track", "album"].includes(stored.replayGain) ? stored.replayGain : "track";
  player.setOrder(element("repeat").value, element("shuffle").checked);
  player.setReplayGain(element("replaygain").value);
  setVolume(Number.isFinite(stored.volume) ? stored.volume : 1);
  showParts();
  listen();
  listenToKeysOfMedia();
  setMode(stored.mode ?? "bars");
  showTrack();
  try {
    await player.prepare();
  } catch (error) {
    tell(/** @type {Error} */ (error).message);
    return;
  }
  await keepPage();
}

addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  tell(String(event.reason?.message ?? event.reason));
});
main();
