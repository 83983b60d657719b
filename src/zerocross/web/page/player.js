// @ts-check
/**
 * A queue that plays through a chain. A track is heard at once, by an element that reads it as it goes; the one that
 * follows is decoded meanwhile, and follows to the sample on one that was decoded, too.
 */

import { makeContext, makeNode } from "./engine.js";
import { BufferSource, ElementSource, FADE_S, KeyHolder } from "./sources.js";
import { readTags } from "./tags.js";

/**
 * @typedef {{number: number, file: File, name: string, title: string, artist: string, album: string, durationS: number,
 *   cover: Blob | null, gains: import("./tags_fields.js").ReplayGain, buffer: AudioBuffer | null, problem: string,
 *   isRead: boolean, isTimed: boolean}} Track of whose duration the decoder, or its end, has told if it is timed
 * @typedef {{tracks: {track: Track, at: number}[], current: Track | null, position: number, wasPlaying: boolean}} Removal
 */

/** Longer ones are not decoded whole: a minute of stereo takes 23 MB. */
const MOST_DECODED_S = 600, MOST_DECODED_BYTES = 256 * 2 ** 20;
/** What rings on is heard so long after a pause, then the audio thread rests. */
const RING_MS = 10_000;
/** A track that is further in than this begins anew when the one before it is asked for. */
const AGAIN_S = 3;
/** Removals that can be taken back. */
const MOST_REMOVALS = 100;
const MOST_GAIN = 10 ** (24 / 20);

/**
 * Events: "queue" (tracks or their order are others), "removed" (its `detail` are tracks, or none once they are back), "tags" (of the track that is its `detail`), "track" (another one
 * plays), "state" (plays or does not), "anew" (it is heard from another place on, from its `detail` in the context's seconds on), "next" (another one follows without a gap, at its `detail`; Infinity for none), "ready" (there is a chain), "problem" (its `detail` is a sentence).
 */
export class Player extends EventTarget {
  /** @param {import("./engine.js").About} about */
  constructor(about) {
    super();
    this._about = about;
    /** @type {Track[]} */
    this.queue = [];
    /** @type {Track | null} */
    this.track = null;
    this.isPlaying = false;
    /** @type {"off" | "all" | "one"} */
    this.repeat = "off";
    this.isShuffled = false;
    /** @type {"off" | "track" | "album"} */
    this.replayGain = "track";
    this._volume = 1;
    this._numbers = 0;
    this._calls = 0; // of play: the last one counts
    this._position = 0;
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {import("./engine.js").ChainNode | null} */
    this.node = null;
    /** @type {Promise<void> | null} */
    this._made = null;
    /** @type {BufferSource | ElementSource | null} */
    this._source = null;
    /** @type {{track: Track, source: BufferSource, gain: GainNode} | null} scheduled for the moment at which this one ends */
    this._next = null;
    /** @type {GainNode | null} */
    this._gain = null;
    this._over = 0; // when what was heard before is silent, in the context's seconds
    /** @type {number[]} numbers of the tracks that were heard, for the way back */
    this._heard = [];
    this._rest = 0;
    this._keys = new KeyHolder();
    /** @type {Removal[]} the last one last */
    this._removals = [];
  }

  // --- the audio --------------------------------------------------------------------------------

  /** Make all that can be made before a click. Throws a sentence where the chain cannot be had. */
  async prepare() {
    this._made ??= this._make();
    try {
      await this._made;
    } catch (error) {
      this._made = null;
      throw error;
    }
  }

  async _make() {
    const context = makeContext(this._about.rates);
    try {
      this.node = await makeNode(context, this._about);
    } catch (error) {
      context.close();
      throw error;
    }
    this.context = context;
    this._out = new GainNode(context, { gain: this._volume });
    this.node.connect(this._out).connect(context.destination);
    this.node.onprocessorerror = () => this._tell("The chain has stopped with an error: load the page again.");
    context.addEventListener("statechange", () => {
      if (context.state === "closed" && this.context === context) this._lost();
      else if (/** @type {string} */ (context.state) === "interrupted") this.pause();
    });
    this.dispatchEvent(new Event("ready"));
  }

  /** The device went away, and all that was made for it with it. */
  _lost() {
    this.pause();
    clearTimeout(this._rest);
    [this.context, this.node, this._made, this._out, this._over] = [null, null, null, undefined, 0];
    for (const track of this.queue) track.buffer = null;
    this._tell("The sound device is gone: press Play for another.");
  }

  /** Let what comes be heard: after a click. */
  async _wake() {
    clearTimeout(this._rest);
    await this.prepare();
    await this.context?.resume();
  }

  get volume() {
    return this._volume;
  }

  set volume(to) {
    this._volume = to;
    if (this.context) this._out?.gain.setTargetAtTime(to, this.context.currentTime, 0.01);
  }

  /** @param {Track} track @returns {number} what its ReplayGain asks for */
  _gainOf(track) {
    if (this.replayGain === "off") return 1;
    const { trackDb, albumDb, trackPeak, albumPeak } = track.gains;
    const db = this.replayGain === "album" ? albumDb ?? trackDb : trackDb ?? albumDb;
    const peak = this.replayGain === "album" ? albumPeak ?? trackPeak : trackPeak ?? albumPeak;
    const gain = Math.min(MOST_GAIN, 10 ** ((db ?? 0) / 20));
    return peak ? Math.min(gain, 1 / peak) : gain; // louder only as far as nothing clips
  }

  /** @param {"off" | "track" | "album"} mode */
  setReplayGain(mode) {
    this.replayGain = mode;
    if (this.track) this._gain?.gain.setTargetAtTime(this._gainOf(this.track), this._soon, 0.02);
    if (this.context && this._next) this._next.gain.gain.value = this._gainOf(this._next.track);
  }

  // --- the queue --------------------------------------------------------------------------------

  /** @param {File[]} files @returns {Track[]} */
  add(files) {
    const made = files.map((file) => /** @type {Track} */ ({
      number: this._numbers++, file, name: file.name, title: "", artist: "", album: "", durationS: NaN,
      cover: null, gains: {}, buffer: null, problem: "", isRead: false, isTimed: false,
    }));
    this.queue.push(...made);
    this._changed();
    this._readTags(made);
    return made;
  }

  /** @param {Track[]} tracks */
  async _readTags(tracks) {
    for (const track of tracks) {
      if (!this.queue.includes(track) || track.isRead) continue;
      track.isRead = true;
      const tags = await readTags(track.file).catch(() => /** @type {import("./tags.js").Tags} */ ({}));
      track.title = tags.title ?? "";
      track.artist = tags.artist ?? "";
      track.album = tags.album ?? "";
      if (Number.isNaN(track.durationS) && tags.durationS) track.durationS = tags.durationS;
      if (tags.cover) track.cover = new Blob([/** @type {BlobPart} */ (tags.cover.data)], { type: tags.cover.mime });
      track.gains = tags.replayGain ?? {};
      if (track === this.track) {
        this.setReplayGain(this.replayGain);
        this.dispatchEvent(new Event("track"));
      }
      this._told(track);
    }
  }

  /** @param {Track} track of which something else is known */
  _told(track) {
    this.dispatchEvent(new CustomEvent("tags", { detail: track }));
  }

  /** @param {Track} track */
  remove(track) {
    const at = this.queue.indexOf(track);
    if (at < 0) return;
    this._keepRemoval([{ track, at }]);
    const follows = this.queue[at + 1] ?? null;
    this.queue.splice(at, 1);
    if (track === this.track) {
      const plays = this.isPlaying;
      this._drop();
      this.track = null;
      if (plays && follows) this.play(follows);
      else {
        this.track = follows;
        this._position = 0;
        this._state(false);
        this.dispatchEvent(new Event("track"));
      }
    }
    this._changed();
  }

  clear() {
    if (this.queue.length) this._keepRemoval(this.queue.map((track, at) => ({ track, at })));
    this._drop();
    this.queue = [];
    this.track = null;
    this._heard = [];
    this._position = 0;
    this._state(false);
    this.dispatchEvent(new Event("track"));
    this._changed();
  }

  /** Keep what goes, for `undo`. @param {{track: Track, at: number}[]} tracks */
  _keepRemoval(tracks) {
    this._removals.push({ tracks, current: this.track, position: this.position, wasPlaying: this.isPlaying });
    this._removals.splice(0, this._removals.length - MOST_REMOVALS);
    for (const { track } of tracks) track.buffer = null;
    this.dispatchEvent(new CustomEvent("removed", { detail: tracks.map(({ track }) => track) }));
  }

  /** Take the last removal back; what played goes on where nothing plays now. @returns {Track[]} what is back */
  undo() {
    const last = this._removals.pop();
    if (!last) return [];
    for (const { track, at } of last.tracks) this.queue.splice(Math.min(at, this.queue.length), 0, track);
    const back = last.tracks.map(({ track }) => track);
    if (last.current && !this.isPlaying && back.includes(last.current)) {
      this._drop();
      [this.track, this._position] = [last.current, last.position];
      this.dispatchEvent(new Event("track"));
      if (last.wasPlaying) this.play();
    }
    this._changed();
    this._readTags(back);
    this.dispatchEvent(new CustomEvent("removed", { detail: [] }));
    return back;
  }

  /** @param {Track} track @param {number} by places down, or up if negative */
  move(track, by) {
    const at = this.queue.indexOf(track);
    const to = Math.max(0, Math.min(this.queue.length - 1, at + by));
    if (at < 0 || to === at) return;
    this.queue.splice(at, 1);
    this.queue.splice(to, 0, track);
    this._changed();
  }

  /** What follows is another now, perhaps. */
  _changed() {
    this._unschedule();
    this._decodeAhead();
    this.dispatchEvent(new Event("queue"));
  }

  /** @param {"off" | "all" | "one"} repeat @param {boolean} isShuffled */
  setOrder(repeat, isShuffled) {
    this.repeat = repeat;
    this.isShuffled = isShuffled;
    this._chosen = null;
    this._changed();
  }

  /** @param {boolean} asked whether a user wants another one, so that one alone is not repeated @returns {Track | null} */
  _following(asked) {
    const whole = this.queue.filter((each) => !each.problem);
    if (!this.track || !whole.length) return whole[0] ?? null;
    if (this.repeat === "one" && !asked) return this.track.problem ? null : this.track;
    if (this.isShuffled) {
      if (this._chosen && this.queue.includes(this._chosen) && this._chosen !== this.track) return this._chosen;
      let left = whole.filter((each) => each !== this.track && !this._heard.includes(each.number));
      if (!left.length && this.repeat === "all") {
        this._heard = [];
        left = whole.length > 1 ? whole.filter((each) => each !== this.track) : whole;
      }
      this._chosen = left[Math.floor(Math.random() * left.length)] ?? null; // it stays until it is heard
      return this._chosen;
    }
    const at = this.queue.indexOf(this.track);
    return this.queue.slice(at + 1).find((each) => !each.problem) ?? (this.repeat === "all" ? whole[0] : null);
  }

  /** @param {Track} track @param {number} durationS as it was decoded, or heard: headers may lie */
  _timed(track, durationS) {
    [track.durationS, track.isTimed] = [durationS, true];
    this._told(track);
  }

  // --- playing ----------------------------------------------------------------------------------

  get position() {
    return this._source?.position ?? this._position;
  }

  get duration() {
    if (this.track?.isTimed) return this.track.durationS;
    const known = this._source?.duration ?? NaN;
    return Number.isFinite(known) ? known : this.track?.durationS ?? NaN;
  }

  /** The moment from which on something else is heard, in the context's seconds. */
  get _soon() {
    return Math.max(this._over, this.context?.currentTime ?? 0);
  }

  /** @param {Track | null} track null for the one that is there @param {number} from seconds */
  async play(track = this.track ?? this._following(false), from = track === this.track ? this._position : 0) {
    if (!track) return;
    const isOther = track !== this.track;
    this._drop();
    const mine = this._calls;
    if (this.track && isOther) this._heard.push(this.track.number);
    this.track = track;
    this._position = from;
    if (track === this._chosen) this._chosen = null;
    this._state(true);
    if (isOther) this.dispatchEvent(new Event("track"));
    if (isOther || from === 0) this._anew();
    try {
      await this._wake();
      if (mine !== this._calls) return;
      await this._start(track, from);
    } catch (error) {
      if (mine === this._calls) this._failed(track, /** @type {Error} */ (error));
      return;
    }
    if (mine === this._calls) this._decodeAhead();
  }

  /** @param {Track} track @param {number} from */
  async _start(track, from) {
    const context = /** @type {AudioContext} */ (this.context);
    if (!track.file.size) throw new DOMException("", "EncodingError"); // the browser would complain elsewhere, too
    const at = this._soon;
    this._gain = new GainNode(context, { gain: 0 });
    this._gain.connect(/** @type {AudioNode} */ (this.node));
    if (from > 0) this._gain.gain.setTargetAtTime(this._gainOf(track), at, FADE_S / 4); // in the middle of a wave
    else this._gain.gain.setValueAtTime(this._gainOf(track), at);
    const ended = () => this._ended(track);
    this._source = track.buffer
      ? new BufferSource(this._gain, track.buffer, ended)
      : new ElementSource(this._gain, track.file, ended, (error) => this._failed(track, error));
    await this._source.start(track.buffer && from >= track.buffer.duration ? 0 : from, at);
    const known = this._source?.duration ?? NaN;
    if (track.isTimed || !Number.isFinite(known) || known === track.durationS) return;
    track.durationS = known;
    this._told(track);
  }

  /** @param {Track} track @param {Error} error */
  async _failed(track, error) {
    if (track !== this.track) return;
    const isAudio = !["EncodingError", "NotReadableError", "NotSupportedError"].includes(error.name);
    // Elements fail where decoders do not: at some places of some files.
    const isSecond = this._source instanceof ElementSource && !isAudio;
    this._drop();
    const mine = this._calls;
    if (isSecond) {
      if (!track.buffer) await this._decode(track);
      if (mine !== this._calls) return;
      if (track.buffer) {
        this.play(track, this._position);
        return;
      }
    }
    if (isAudio) {
      this._state(false);
      this._tell(error.name === "NotAllowedError" ? "The browser wants a click first: press Play." : error.message);
      return;
    }
    this._leaveOut(track, `${track.name} is no audio that this browser can decode.`);
    const next = this._following(true);
    if (next && next !== track) this.play(next);
    else this._state(false);
  }

  /** @param {Track} track that cannot be heard @param {string} words */
  _leaveOut(track, words) {
    track.problem = words;
    track.buffer = null;
    this._chosen = null;
    this._tell(words);
    this._told(track);
  }

  /** Let go of what is heard, of what is scheduled and of what is to be heard; the position stays. */
  _drop() {
    this._calls++;
    this._unschedule();
    this._position = this.position;
    const [source, gain, context] = [this._source, this._gain, this.context];
    [this._source, this._gain] = [null, null];
    const late = context?.state === "running" ? FADE_S : 0;
    if (late && context && gain) {
      const silent = context.currentTime + late;
      this._over = silent + 1 / context.sampleRate; // browsers may round that to the next frame
      gain.gain.cancelScheduledValues(context.currentTime); // it may not be heard yet
      gain.gain.setTargetAtTime(0, context.currentTime, late / 4);
      gain.gain.setValueAtTime(0, silent);
    }
    source?.stop(late);
    setTimeout(() => {
      if (source instanceof ElementSource) source.close();
      gain?.disconnect();
    }, 2000 * late);
  }

  pause() {
    this._drop();
    this._state(false);
    clearTimeout(this._rest);
    this._rest = setTimeout(() => this.isPlaying || this.context?.suspend(), RING_MS);
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  /** @param {number} seconds */
  seek(seconds) {
    if (!this.track) return;
    const most = Number.isFinite(this.duration) ? this.duration : seconds;
    const to = Math.max(0, Math.min(most, seconds));
    if (this.isPlaying && to >= this.duration) this._goOn();
    else if (this.isPlaying) this.play(this.track, to);
    else this._position = to;
    this._anew();
    this.dispatchEvent(new Event("state"));
  }

  next() {
    const next = this._following(true);
    if (next) this._go(next);
  }

  previous() {
    if (!this.track) return;
    const at = this.queue.indexOf(this.track);
    const heard = this.queue.find((each) => each.number === this._heard[this._heard.length - 1]);
    const before = this.isShuffled ? heard : this.queue[at - 1];
    if (this.position > AGAIN_S || !before) {
      this.seek(0);
      return;
    }
    if (heard === before) this._heard.pop();
    this._go(before);
  }

  /** @param {Track} track */
  _go(track) {
    if (this.isPlaying) {
      this.play(track, 0);
      return;
    }
    this._drop();
    this.track = track;
    this._position = 0;
    this._decodeAhead();
    this.dispatchEvent(new Event("track"));
  }

  /** @param {Track} track that was heard to its end */
  _ended(track) {
    if (track !== this.track) return;
    if (!this.position) this._leaveOut(track, `${track.name} has no sound in it.`);
    const heard = this._source instanceof ElementSource ? this._source.heard : NaN;
    if (track.durationS > heard + 1) this._timed(track, heard); // its header lied
    const next = this._next;
    if (next && !track.problem) { // it is heard already
      this._next = null;
      this._gain?.disconnect();
      this._heard.push(track.number);
      [this.track, this._source, this._gain] = [next.track, next.source, next.gain];
      if (this.track === this._chosen) this._chosen = null;
      this.dispatchEvent(new Event("track"));
      this._decodeAhead();
      return;
    }
    this._goOn();
  }

  /** Play what follows, or nothing. */
  _goOn() {
    const following = this._following(false);
    this._position = 0;
    if (following) {
      this.play(following, 0);
      return;
    }
    this._drop();
    this._position = 0;
    this._state(false);
    this._rest = setTimeout(() => this.isPlaying || this.context?.suspend(), RING_MS);
  }

  // --- without a gap ----------------------------------------------------------------------------

  /** Decode what follows, and what plays, and let the one follow the other to the sample. */
  async _decodeAhead() {
    if (!this.context || !this.track) return;
    const next = this._following(false);
    for (const each of this.queue) if (each !== this.track && each !== next) each.buffer = null;
    for (const each of [next, this.track]) {
      if (each && !each.buffer && !each.problem) await this._decode(each);
    }
    this._schedule();
  }

  /** Decode a track, if it is not too long; what cannot be decoded is told of when it is to be heard. @param {Track} track */
  async _decode(track) {
    if (!this.context || track.file.size > MOST_DECODED_BYTES || track.durationS > MOST_DECODED_S) return;
    try {
      const data = await track.file.arrayBuffer();
      const buffer = await this.context.decodeAudioData(data);
      if (track !== this.track && track !== this._following(false)) return; // another one follows by now
      if (buffer.duration <= MOST_DECODED_S) track.buffer = buffer;
      this._timed(track, buffer.duration);
    } catch {
      // no audio
    }
  }

  _schedule() {
    const next = this._following(false);
    if (this._next || !next?.buffer || !this._source?.isExact || !this.isPlaying || !this.context) return;
    const gain = new GainNode(this.context, { gain: this._gainOf(next) });
    gain.connect(/** @type {AudioNode} */ (this.node));
    const source = new BufferSource(gain, next.buffer, () => this._ended(next));
    source.start(0, this._source.end);
    this._next = { track: next, source, gain };
    this._expect(this._source.end);
  }

  _unschedule() {
    if (!this._next) return;
    this._next.source.stop();
    this._next.gain.disconnect();
    this._next = null;
    this._expect(Infinity);
  }

  // --- news -------------------------------------------------------------------------------------

  _anew() {
    this.dispatchEvent(new CustomEvent("anew", { detail: this._soon }));
  }

  /** @param {number} from */
  _expect(from) {
    this.dispatchEvent(new CustomEvent("next", { detail: from }));
  }

  /** @param {boolean} plays */
  _state(plays) {
    this.isPlaying = plays;
    this._keys.hold(plays);
    this.dispatchEvent(new Event("state"));
  }

  /** @param {string} words */
  _tell(words) {
    this.dispatchEvent(new CustomEvent("problem", { detail: words }));
  }
}
