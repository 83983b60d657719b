// @ts-check
/** What is shown of a chain: a slider for each parameter, the spectrum, times. */

/** @param {number} seconds */
export function time(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * @param {import("./chain.js").Param} param
 * @param {(value: number) => void} moved called with what the user chose
 * @returns {{row: HTMLElement, put: (value: number) => void}} to be shown; and what moves it without a call
 */
export function slider(param, moved) {
  const row = document.createElement("label");
  const words = document.createElement("span");
  const input = document.createElement("input");
  const value = document.createElement("output");
  words.textContent = param.name.replaceAll("_", " ");
  input.type = "range";
  [input.min, input.max, input.step] = [String(param.low), String(param.high), "any"];
  const put = (/** @type {number} */ to) => {
    input.value = String(to);
    value.textContent = `${Number(Number(input.value).toPrecision(3))} ${param.unit}`.trim();
    input.setAttribute("aria-valuetext", value.textContent);
  };
  input.addEventListener("input", () => {
    put(Number(input.value));
    moved(Number(input.value));
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
