// @ts-check
/** What is heard of a track: all of it decoded, to the sample; or an element that plays while it is read. */

/** Seconds in which a sound ends or begins in the middle of a wave. */
export const FADE_S = 0.01;
const SILENCE_HZ = 8000, SILENCE_S = 10, HEAD = 44;

/** @returns {Blob} a WAV of silence, of 8 bits */
function silence() {
  const count = SILENCE_HZ * SILENCE_S;
  const bytes = new Uint8Array(HEAD + count).fill(128, HEAD), view = new DataView(bytes.buffer);
  const write = (/** @type {number} */ at, /** @type {string} */ word) => bytes.set([...word].map((each) => each.charCodeAt(0)), at);
  write(0, "RIFF");
  view.setUint32(4, HEAD - 8 + count, true);
  write(8, "WAVEfmt ");
  [[16, 16], [24, SILENCE_HZ], [28, SILENCE_HZ], [40, count]].forEach(([at, value]) => view.setUint32(at, value, true));
  [[20, 1], [22, 1], [32, 1], [34, 8]].forEach(([at, value]) => view.setUint16(at, value, true));
  write(36, "data");
  return new Blob([bytes], { type: "audio/wav" });
}

/** Plays silence while decoded tracks play: browsers give the media keys to pages in which an element plays. */
export class KeyHolder {
  constructor() {
    this._element = new Audio(URL.createObjectURL(silence()));
    this._element.loop = true;
  }

  /** @param {boolean} isHeld */
  hold(isHeld) {
    if (isHeld) this._element.play().catch(() => null); // without it the keys are not ours, and all else goes on
    else this._element.pause();
  }
}

/** A track that is decoded. */
export class BufferSource {
  /** @param {AudioNode} to @param {AudioBuffer} buffer @param {() => void} ended called once, at its end alone */
  constructor(to, buffer, ended) {
    this._to = to;
    this._buffer = buffer;
    this._ended = ended;
    /** @type {AudioBufferSourceNode | null} */
    this._node = null;
    this._from = 0;
    this._at = 0;
    this.isExact = true;
  }

  get duration() {
    return this._buffer.duration;
  }

  get position() {
    if (!this._node) return this._from;
    return Math.min(this.duration, this._from + Math.max(0, this._to.context.currentTime - this._at));
  }

  /** The moment at which it ends, in the context's seconds. */
  get end() {
    return this._at + this.duration - this._from;
  }

  /**
   * @param {number} from seconds into it
   * @param {number} at the context's seconds; now, if they are over
   */
  async start(from, at = 0) {
    const node = new AudioBufferSourceNode(this._to.context, { buffer: this._buffer });
    node.onended = () => {
      if (this._node !== node) return;
      this._node = null;
      this._from = this.duration;
      this._ended();
    };
    node.connect(this._to);
    this._from = from;
    this._at = Math.max(at, this._to.context.currentTime);
    this._node = node;
    node.start(at, from);
  }

  /** @param {number} late seconds in which it is still heard */
  stop(late = 0) {
    const node = this._node;
    this._from = this.position;
    this._node = null;
    node?.stop(late && this._to.context.currentTime + late);
  }
}

/** A track that an element plays: at once, however long it is. Where it ends it ends to some milliseconds. */
export class ElementSource {
  /**
   * @param {AudioNode} to
   * @param {Blob} file
   * @param {() => void} ended
   * @param {(error: Error) => void} failed it cannot go on
   */
  constructor(to, file, ended, failed) {
    this._url = URL.createObjectURL(file);
    this._element = new Audio();
    this._element.preload = "auto";
    this._node = new MediaElementAudioSourceNode(/** @type {AudioContext} */ (to.context), { mediaElement: this._element });
    this._node.connect(to);
    this._element.addEventListener("ended", () => this._isOn && ended());
    this._element.addEventListener("error", () => this._isOn && failed(new DOMException("", "EncodingError")));
    this._element.src = this._url;
    this._isOn = false;
    this._begun = NaN; // when it began from its beginning, in the context's seconds
    this.isExact = false;
  }

  get duration() {
    return this._element.duration; // NaN until it is known
  }

  get position() {
    return this._element.currentTime;
  }

  /** Seconds that were heard of it from its beginning, by the context's clock: elements that end believe the header. */
  get heard() {
    return this._node.context.currentTime - this._begun;
  }

  get end() {
    return NaN;
  }

  /** @param {number} from @param {number} _at what the other kind begins at */
  async start(from, _at = 0) {
    this._isOn = true;
    if (from > 0 || this._element.currentTime > 0) this._element.currentTime = from;
    try {
      await this._element.play();
      this._begun = from > 0 ? NaN : this._node.context.currentTime;
    } catch (error) {
      if (!this._isOn) return; // stopped meanwhile
      this._isOn = false;
      throw error;
    }
  }

  /** @param {number} late seconds in which it is still heard */
  stop(late = 0) {
    this._isOn = false;
    if (late) setTimeout(() => this._isOn || this._element.pause(), 1000 * late);
    else this._element.pause();
  }

  close() {
    this.stop();
    this._node.disconnect();
    this._element.removeAttribute("src");
    this._element.load();
    URL.revokeObjectURL(this._url);
  }
}
