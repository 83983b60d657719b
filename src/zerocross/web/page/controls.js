// @ts-check
/** What is shown of a chain: a slider for each parameter, the spectrum, times. */

/** @param {number} seconds */
export function time(seconds) {
  const whole = Math.max(0, Math.floor(Math.round(100 * seconds) / 100)); // decoders cut a sample off
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A parameter's highest value is so many times its lowest, and its slider is still straight. */
const MOST_STRAIGHT = 50;

/** @param {import("./chain.js").Param} param @returns {string} its name as words: the unit stands at its value */
export function nameOf({ name, unit }) {
  const words = name.split("_");
  if (words.length > 1 && words[words.length - 1] === unit.toLowerCase()) words.pop();
  return words.join(" ");
}

/**
 * A slider for a parameter; a double click puts it back.
 * @param {import("./chain.js").Param} param
 * @param {(value: number) => void} moved called with what the user chose
 * @returns {{row: HTMLElement, put: (value: number) => void}} to be shown; and what moves it without a call
 */
export function slider(param, moved) {
  const row = document.createElement("label");
  const words = document.createElement("span");
  const input = document.createElement("input");
  const value = document.createElement("output");
  words.textContent = nameOf(param);
  value.setAttribute("aria-hidden", "true"); // the slider says it: else each move would be told twice
  input.type = "range";
  // Frequencies and times are felt by their ratios: the slider's places are their logarithms.
  const isRatio = param.low > 0 && param.high / param.low >= MOST_STRAIGHT;
  const [placed, valued] = isRatio ? [Math.log, Math.exp] : [Number, Number];
  [input.min, input.max, input.step] = [String(placed(param.low)), String(placed(param.high)), "any"];
  const put = (/** @type {number} */ to) => {
    const shown = Math.min(param.high, Math.max(param.low, to));
    input.value = String(placed(shown));
    value.textContent = `${Number(shown.toPrecision(3))} ${param.unit}`.trim();
    input.setAttribute("aria-valuetext", value.textContent);
  };
  input.addEventListener("input", () => {
    const to = Math.min(param.high, Math.max(param.low, valued(Number(input.value))));
    value.textContent = `${Number(to.toPrecision(3))} ${param.unit}`.trim();
    input.setAttribute("aria-valuetext", value.textContent);
    moved(to);
  });
  input.addEventListener("dblclick", () => {
    put(param.value);
    moved(param.value);
  });
  put(param.value);
  row.append(words, input, value);
  return { row, put };
}

/**
 * Draw heights of bands, and where their peaks stand.
 * @param {HTMLCanvasElement} canvas in the colour --accent, peaks in that of its text
 * @param {{heights: Float32Array, peaks: Float32Array}} shown such as `ChainNode.shown`
 */
export function drawBars(canvas, { heights, peaks }) {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  }
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const bands = heights.length;
  const style = getComputedStyle(canvas);
  const step = width / Math.max(1, bands);
  pen.fillStyle = style.getPropertyValue("--accent");
  for (let k = 0; k < bands; k++) pen.fillRect(k * step, height * (1 - heights[k]), step - 1, height * heights[k]);
  pen.fillStyle = style.color;
  for (let k = 0; k < bands; k++) pen.fillRect(k * step, height * (1 - peaks[k]), step - 1, 1);
}
