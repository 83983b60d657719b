// Kernels alone, and their rivals: JavaScript's forms of a gain, and FFTs of npm's packages; see webassembly_kernels.py.
// Each work has `fresh`, which puts the input back and sets the factor, `once`, and `result`.
import { createRequire } from "node:module";

/** Ours: the entry is called with the address of its record, and nothing is copied. */
export function ofKernel(Chain, job, module, image, input) {
  const chain = new Chain(module, image);
  const run = chain._run, task = chain._program, buffer = chain.memory.buffer;
  const at = (name, count) => new Float32Array(buffer, chain._base + job.places[name], count);
  const samples = at("samples", input.length);
  const result = "result" in job.places ? at("result", input.length + 2) : samples;
  const factor = new Float64Array(buffer, chain._base + job.places.factor, 1);
  return {
    fresh(value) { samples.set(input); factor[0] = value; },
    once: () => run(task),
    result: () => Array.from(result),
  };
}

// --- gain in JavaScript: the factor is read at each call, as ours reads it ------------------------

/** A form from its body, with `x` to work on, `f` with the factor, `y` beside; each with code of its own. */
function gainOf(body, result = "x") {
  return ({ input }) => new Function("input", `
    const x = Float32Array.from(input), y = new Float32Array(input.length);
    const f = new Float64Array(1);
    return {
      fresh(value) { x.set(input); f[0] = value; },
      once() { ${body} },
      result: () => Array.from(${result}),
    };`)(input);
}

const gainLoop = gainOf("for (let i = 0; i < x.length; i++) x[i] *= f[0];");
const gainHoisted = gainOf("const g = f[0], n = x.length; for (let i = 0; i < n; i++) x[i] *= g;");
/** `Math.fround` tells the compiler that it needs no float64. */
const gainRounded = gainOf(
  "const g = Math.fround(f[0]); for (let i = 0; i < x.length; i++) x[i] = Math.fround(x[i] * g);");
const gainByFour = gainOf(`
  const g = Math.fround(f[0]), n = x.length - 3;
  for (let i = 0; i < n; i += 4) {
    x[i] = Math.fround(x[i] * g); x[i + 1] = Math.fround(x[i + 1] * g);
    x[i + 2] = Math.fround(x[i + 2] * g); x[i + 3] = Math.fround(x[i + 3] * g);
  }`);
/** From one array to another. */
const gainApart = gainOf(
  "const g = Math.fround(f[0]); for (let i = 0; i < x.length; i++) y[i] = Math.fround(x[i] * g);", "y");

// --- FFTs of npm -------------------------------------------------------------------------------------

/** Real parts, then imaginary ones, of numbers that alternate. */
function apart(pairs, bins) {
  return [0, 1].flatMap((part) => Array.from({ length: bins }, (_, k) => pairs[2 * k + part]));
}

function fftJs({ input, packages }) {
  const FFT = createRequire(`${packages}/`)("fft.js");
  const fft = new FFT(input.length), out = fft.createComplexArray(), data = Array.from(input);
  return { once: () => fft.realTransform(out, data), result: () => apart(out, input.length / 2 + 1) };
}

/** PFFFT in the usual order; its first pair is the real numbers at 0 Hz and at half the rate. */
async function pffft(file, { input, packages }) {
  const made = await (await import(`file://${packages}/@echogarden/pffft-wasm/dist/${file}/pffft.js`)).default();
  const count = input.length, [x, y, work] = [0, 1, 2].map(() => made._pffft_aligned_malloc(4 * count));
  const setup = made._pffft_new_setup(count, 0), memory = () => made.HEAPF32.buffer;
  new Float32Array(memory(), x, count).set(input);
  return {
    once: () => made._pffft_transform_ordered(setup, x, y, work, 0),
    result() {
      const found = Array.from(new Float32Array(memory(), y, count));
      const last = found[1];
      found[1] = 0;
      return apart([...found, last, 0], count / 2 + 1);
    },
  };
}

export const FORMS = {
  gainLoop, gainHoisted, gainRounded, gainByFour, gainApart,
  "fft.js": fftJs,
  "pffft-wasm": (job) => pffft("non-simd", job),
  "pffft-wasm simd": (job) => pffft("simd", job),
};
