// @ts-check
/** What is heard, as pictures: each mode draws on a canvas what the worklet has shown. */

/**
 * @typedef {{shown: import("./chain.js").Shown, display: import("./chain.js").Display, rate: number,
 *   loudness: import("./loudness.js").Loudness | null}} Heard
 */
/**
 * @typedef {{pen: CanvasRenderingContext2D, width: number, height: number, accent: string, ink: string, soft: string,
 *   paper: string, scale: number}} Paper
 */

/** Modes by name, as they are shown to people. */
export const MODES = {
  bars: "Bars", mirrored: "Mirrored bars", stereo: "Stereo bars", line: "Line", octaves: "Octaves (dBFS)", waterfall: "Waterfall",
  scope: "Oscilloscope", goniometer: "Goniometer", meters: "Meters",
};
const SCALE_MOST = 1.1, LEAST_PEAK = 0.01, METER_DB = 60;
/** Waterfall lines a second. */
const LINES_S = 30;

/** Draws modes on a canvas. */
export class Visual {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this._canvas = canvas;
    this._pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this._mode = "bars";
    this._edge = LEAST_PEAK;
    this._due = 0;
    this._rows = 0;
  }

  get mode() {
    return this._mode;
  }

  set mode(to) {
    this._mode = to;
    this._canvas.width = 0; // whatever was there is not of this one
  }

  /** @param {Heard} heard @param {number} ms of the frame */
  draw(heard, ms) {
    const paper = this._paper();
    if (!paper) return;
    if (this._mode !== "waterfall") {
      paper.pen.fillStyle = paper.paper;
      paper.pen.fillRect(0, 0, paper.width, paper.height);
    }
    const modes = /** @type {Record<string, (paper: Paper, heard: Heard, ms: number) => void>} */ ({
      bars: drawBars, mirrored: drawMirrored, stereo: drawStereo, line: drawLine, octaves: drawOctaves, meters: drawMeters,
      waterfall: (to, what, at) => this._waterfall(to, what, at),
      scope: (to, what) => this._scope(to, what),
      goniometer: (to, what) => this._goniometer(to, what),
    });
    modes[this._mode](paper, heard, ms);
  }

  /** @returns {Paper | null} */
  _paper() {
    const { _canvas: canvas, _pen: pen } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return null;
    const scale = devicePixelRatio;
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    const style = getComputedStyle(canvas);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const paper = colour("--field");
    if (canvas.width !== wide || canvas.height !== high) {
      [canvas.width, canvas.height] = [wide, high];
      pen.fillStyle = paper;
      pen.fillRect(0, 0, wide, high);
    }
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    return { pen, width, height, scale, paper, accent: colour("--accent"), ink: colour("--ink"), soft: colour("--soft") };
  }

  /** @param {Paper} paper @param {Heard} heard @param {number} ms */
  _waterfall({ pen, width, height, scale, accent }, { shown, display }, ms) {
    if (ms < this._due) return;
    this._due = Math.max(this._due + 1000 / LINES_S, ms);
    const step = Math.max(1, Math.round(2 * scale)) / scale;
    pen.globalCompositeOperation = "copy";
    pen.drawImage(this._canvas, 0, step, width, height);
    pen.globalCompositeOperation = "source-over";
    const count = display.hz.length, edge = (/** @type {number} */ k) => Math.round(k * width / count);
    pen.fillStyle = getComputedStyle(this._canvas).getPropertyValue("--field");
    pen.fillRect(0, 0, width, step);
    pen.fillStyle = accent;
    for (let k = 0; k < count; k++) {
      pen.globalAlpha = shown.heights[k];
      pen.fillRect(edge(k), 0, edge(k + 1) - edge(k), step);
    }
    pen.globalAlpha = 1;
  }

  /** Let the amplitude that reaches the edge follow what is heard. @param {Float32Array[]} waves */
  _follow(waves) {
    let peak = LEAST_PEAK;
    for (const wave of waves) for (const sample of wave) peak = Math.max(peak, Math.abs(sample));
    this._edge = Math.max(peak, this._edge * 0.98);
    return this._edge * SCALE_MOST;
  }

  /** @param {Paper} paper @param {Heard} heard */
  _scope({ pen, width, height, accent, soft }, { shown }) {
    const edge = this._follow(shown.waves);
    const lines = shown.waves.length, high = height / lines;
    shown.waves.forEach((wave, c) => {
      const middle = high * (c + 0.5);
      pen.strokeStyle = soft;
      pen.lineWidth = 0.5;
      pen.beginPath();
      pen.moveTo(0, middle);
      pen.lineTo(width, middle);
      pen.stroke();
      const count = wave.length >> 1;
      let first = 0; // held still where it rises through zero
      for (let i = 1; i < count; i++) if (wave[i - 1] < 0 && wave[i] >= 0) { first = i; break; }
      pen.strokeStyle = accent;
      pen.lineWidth = 1.5;
      pen.beginPath();
      for (let i = 0; i < count; i++) {
        const y = middle - wave[first + i] / edge * high / 2;
        if (i) pen.lineTo(width * i / (count - 1), y);
        else pen.moveTo(0, y);
      }
      pen.stroke();
    });
  }

  /** @param {Paper} paper @param {Heard} heard */
  _goniometer({ pen, width, height, accent, soft }, { shown }) {
    const [left, right = left] = shown.waves;
    const reach = Math.min(width, height) / 2, edge = 2 * this._follow(shown.waves);
    const x = width / 2, y = height / 2;
    pen.strokeStyle = soft;
    pen.lineWidth = 0.5;
    pen.beginPath();
    for (const [dx, dy] of [[0.707, 0.707], [0.707, -0.707], [0, 1]]) {
      pen.moveTo(x - dx * reach, y - dy * reach);
      pen.lineTo(x + dx * reach, y + dy * reach);
    }
    pen.stroke();
    pen.fillStyle = accent;
    for (let i = 0; i < left.length; i++) {
      const across = (right[i] - left[i]) / edge, up = (left[i] + right[i]) / edge;
      pen.fillRect(x + across * reach - 0.75, y - up * reach - 0.75, 1.5, 1.5);
    }
  }
}

/** @param {Paper} paper @param {Heard} heard */
function drawBars({ pen, width, height, accent, ink }, { shown, display }) {
  const count = display.hz.length, step = width / count, wide = Math.max(1, step - 1);
  pen.fillStyle = accent;
  for (let k = 0; k < count; k++) pen.fillRect(k * step, height * (1 - shown.heights[k]), wide, height * shown.heights[k]);
  pen.fillStyle = ink;
  for (let k = 0; k < count; k++) if (shown.peaks[k] > 0.01) pen.fillRect(k * step, height * (1 - shown.peaks[k]), wide, 1.5);
}

/** @param {Paper} paper @param {Heard} heard */
function drawMirrored({ pen, width, height, accent }, { shown, display }) {
  const count = display.hz.length, step = width / count;
  pen.fillStyle = accent;
  for (let k = 0; k < count; k++) {
    const high = Math.max(1, height * shown.heights[k]);
    pen.fillRect(k * step, (height - high) / 2, Math.max(1, step - 1), high);
  }
}

/** Left and right: low bands in the middle, high ones at the edges. @param {Paper} paper @param {Heard} heard */
function drawStereo({ pen, width, height, accent, ink, soft }, { shown, display }) {
  const count = display.hz.length, step = width / 2 / count, wide = Math.max(1, step - 1), middle = width / 2;
  const sides = [[-1, shown.heights, shown.peaks], [1, shown.rightHeights, shown.rightPeaks]];
  for (const [side, heights, peaks] of /** @type {[number, Float32Array, Float32Array][]} */ (sides)) {
    for (let k = 0; k < count; k++) {
      const x = side < 0 ? middle - (k + 1) * step : middle + k * step;
      pen.fillStyle = accent;
      pen.fillRect(x, height * (1 - heights[k]), wide, height * heights[k]);
      pen.fillStyle = ink;
      if (peaks[k] > 0.01) pen.fillRect(x, height * (1 - peaks[k]), wide, 1.5);
    }
  }
  pen.font = "13px system-ui, sans-serif";
  pen.textBaseline = "top";
  pen.fillStyle = soft;
  pen.fillText("L", 6, 6);
  pen.fillText("R", width - 16, 6);
}

/** @param {Paper} paper @param {Heard} heard */
function drawLine({ pen, width, height, accent }, { shown, display }) {
  const count = display.hz.length;
  pen.beginPath();
  for (let k = 0; k < count; k++) {
    const x = width * (k + 0.5) / count, y = height * (1 - shown.heights[k]);
    if (k) pen.lineTo(x, y);
    else pen.moveTo(x, y);
  }
  pen.strokeStyle = accent;
  pen.lineWidth = 2;
  pen.stroke();
  pen.lineTo(width * (count - 0.5) / count, height);
  pen.lineTo(width * 0.5 / count, height);
  pen.globalAlpha = 0.2;
  pen.fillStyle = accent;
  pen.fill();
  pen.globalAlpha = 1;
}

/** @param {Paper} paper @param {Heard} heard */
function drawOctaves(paper, { shown, display }) {
  const { pen, width, height, accent, ink, soft } = paper;
  const range = display.rangeDb ?? METER_DB, foot = 18, side = 34, high = height - foot;
  const count = display.hz.length, step = (width - side) / count;
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (let db = 0; db > -range; db -= 12) {
    const y = high * -db / range;
    pen.fillStyle = soft;
    pen.fillText(String(db), 4, Math.max(7, y));
    pen.globalAlpha = 0.25;
    pen.fillRect(side, y, width - side, 0.5);
    pen.globalAlpha = 1;
  }
  let free = 0; // of words, to the right
  for (let k = 0; k < count; k++) {
    const x = side + k * step;
    pen.fillStyle = accent;
    pen.fillRect(x, high * (1 - shown.heights[k]), Math.max(1, step - 1), high * shown.heights[k]);
    pen.fillStyle = ink;
    if (shown.peaks[k] > 0.01) pen.fillRect(x, high * (1 - shown.peaks[k]), Math.max(1, step - 1), 1.5);
    const hz = display.hz[k];
    const octave = [31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16_000].find((each) => Math.abs(hz / each - 1) < 0.03);
    pen.fillStyle = soft;
    if (!octave || x < free) continue;
    const words = octave >= 1000 ? `${octave / 1000}k` : String(octave);
    free = x + pen.measureText(words).width + 6;
    pen.fillText(words, x, high + foot / 2);
  }
}

/** @param {number} level in dB or LUFS @returns {string} */
export const levelWords = (level) => level < -99 ? "−∞" : level.toFixed(1).replace("-", "−");

/** @param {Paper} paper @param {Heard} heard */
function drawMeters({ pen, width, height, accent, ink, soft }, { shown, loudness }) {
  const side = 24, end = 100, wide = width - side - end, rows = shown.peak.length + (loudness ? 1.5 : 0);
  const gap = 10, high = Math.min(48, height / 4, (height - 32) / rows - gap);
  const begin = (height - (loudness ? 24 : 0) - rows * (high + gap)) / 2;
  const db = (/** @type {number} */ value) => 20 * Math.log10(Math.max(1e-10, value));
  const share = (/** @type {number} */ level) => Math.min(1, Math.max(0, 1 + level / METER_DB));
  pen.font = "13px system-ui, sans-serif";
  pen.textBaseline = "middle";
  Array.from(shown.peak, (peak, c) => {
    const y = begin + c * (high + gap), rms = Math.sqrt(shown.power[c]);
    pen.fillStyle = soft;
    pen.fillText("LR"[c] ?? String(c + 1), 6, y + high / 2);
    pen.globalAlpha = 0.35;
    pen.fillStyle = accent;
    pen.fillRect(side, y, wide * share(db(peak)), high);
    pen.globalAlpha = 1;
    pen.fillRect(side, y + high / 4, wide * share(db(rms)), high / 2);
    pen.fillStyle = ink;
    pen.fillText(`peak ${levelWords(db(peak))}`, side + wide + 8, y + high / 3);
    pen.fillText(`RMS ${levelWords(db(rms))}`, side + wide + 8, y + high * 2 / 3 + 2);
  });
  const three = loudness ? [loudness.momentary, loudness.short_term, loudness.integrated] : [];
  three.forEach((level, k) => {
    const step = (high * 1.5 + gap) / 3, y = begin + shown.peak.length * (high + gap) + k * step;
    pen.fillStyle = soft;
    pen.fillText("MSI"[k], 6, y + step / 2);
    pen.fillStyle = accent;
    pen.fillRect(side, y + 2, wide * share(level), step - 4);
    pen.fillStyle = ink;
    pen.fillText(`${levelWords(level)} LUFS`, side + wide + 8, y + step / 2);
  });
  pen.fillStyle = soft;
  for (let level = 0; level >= -METER_DB; level -= 12) {
    pen.fillText(String(level), side + wide * share(level) - 8, height - 10);
  }
}
