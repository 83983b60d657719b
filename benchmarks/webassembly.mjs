// Does works so many times when it is told to, and says how long it took; see webassembly.py beside.
// A line "check FACTOR NAME" answers with the result's floats, "run TIMES NAME" with nanoseconds; where a work
// has a factor, it is 1 when it is timed.
import fs from "node:fs";
import readline from "node:readline";
import { FORMS as KERNELS, ofKernel } from "./webassembly_kernels.mjs";

const [, , chainFile, jobsFile] = process.argv;
const { Chain } = await import(`file://${chainFile}`);
const WARM_MS = 300;
const jobs = JSON.parse(fs.readFileSync(jobsFile, "utf8"));

function bytes(path) {
  const data = fs.readFileSync(path);
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
}

function ofChain(job) {
  const chain = new Chain(new WebAssembly.Module(bytes(job.module)), bytes(job.image));
  const channels = chain.header.channels;
  const input = new Float32Array(bytes(job.input));
  const frames = input.length / channels;
  for (let c = 0; c < channels; c++) chain.input[c].set(input.subarray(c * frames, (c + 1) * frames));
  return {
    once: () => chain.run(frames),
    result: () => chain.output.map((each) => Array.from(each.subarray(0, frames))).flat(),
  };
}

// --- the same in JavaScript: each in several forms ------------------------------------------------

/** A band after the other over the whole block, state in variables. */
function bandByBand({ sos, input, channels }) {
  const frames = input.length / channels;
  const output = new Float32Array(input.length);
  const state = new Float64Array(2 * channels * sos.length);
  const between = new Float64Array(frames);
  return {
    once() {
      for (let c = 0; c < channels; c++) {
        for (let i = 0; i < frames; i++) between[i] = input[c * frames + i];
        for (let k = 0; k < sos.length; k++) {
          const [b0, b1, b2, , a1, a2] = sos[k];
          let s1 = state[2 * (c * sos.length + k)], s2 = state[2 * (c * sos.length + k) + 1];
          for (let i = 0; i < frames; i++) {
            const x = between[i], y = b0 * x + s1;
            s1 = b1 * x - a1 * y + s2;
            s2 = b2 * x - a2 * y;
            between[i] = y;
          }
          state[2 * (c * sos.length + k)] = s1;
          state[2 * (c * sos.length + k) + 1] = s2;
        }
        for (let i = 0; i < frames; i++) output[c * frames + i] = between[i];
      }
    },
    result: () => Array.from(output),
  };
}

/** A frame after the other through all bands, written out: all state and coefficients in variables. */
function writtenOut({ sos, input, channels }) {
  return frameByFrame(input, channels, sos, ([b0, b1, b2, , a1, a2], k) => `
    y = ${b0} * x + p${k}; p${k} = ${b1} * x - ${a1} * y + q${k}; q${k} = ${b2} * x - ${a2} * y; x = y;`);
}

/** The same in float32. */
function rounded({ sos, input, channels }) {
  const r = (words) => `Math.fround(${words})`;
  const times = (number, name) => r(`${Math.fround(number)} * ${name}`);
  return frameByFrame(input, channels, sos, ([b0, b1, b2, , a1, a2], k) => `
    y = ${r(`${times(b0, "x")} + p${k}`)};
    p${k} = ${r(`${r(`${times(b1, "x")} - ${times(a1, "y")}`)} + q${k}`)};
    q${k} = ${r(`${times(b2, "x")} - ${times(a2, "y")}`)}; x = y;`, Float32Array);
}

function frameByFrame(input, channels, sos, band, Kind = Float64Array) {
  const frames = input.length / channels;
  const output = new Float32Array(input.length);
  const names = sos.flatMap((_, k) => [`p${k}`, `q${k}`]);
  const body = sos.map(band).join("");
  const run = new Function("input", "output", "from", "frames", "s", `
    let ${names.map((name, k) => `${name} = s[${k}]`).join(", ")}, x = 0, y = 0;
    for (let i = from; i < from + frames; i++) { x = input[i]; ${body} output[i] = x; }
    ${names.map((name, k) => `s[${k}] = ${name};`).join(" ")}`);
  const states = Array.from({ length: channels }, () => new Kind(names.length));
  return {
    once() {
      for (let c = 0; c < channels; c++) run(input, output, c * frames, frames, states[c]);
    },
    result: () => Array.from(output),
  };
}

/** The same with both channels of a stereo signal at once, for the processor's pipelines. */
function bothAtOnce({ sos, input }) {
  const frames = input.length / 2;
  const output = new Float32Array(input.length);
  const names = sos.flatMap((_, k) => [`p${k}`, `q${k}`, `r${k}`, `s${k}`]);
  const body = sos.map(([b0, b1, b2, , a1, a2], k) => `
    y = ${b0} * x + p${k}; z = ${b0} * w + r${k};
    p${k} = ${b1} * x - ${a1} * y + q${k}; r${k} = ${b1} * w - ${a1} * z + s${k};
    q${k} = ${b2} * x - ${a2} * y; s${k} = ${b2} * w - ${a2} * z; x = y; w = z;`).join("");
  const run = new Function("input", "output", "frames", "t", `
    let ${names.map((name, k) => `${name} = t[${k}]`).join(", ")}, x = 0, y = 0, w = 0, z = 0;
    for (let i = 0; i < frames; i++) { x = input[i]; w = input[frames + i]; ${body} output[i] = x; output[frames + i] = w; }
    ${names.map((name, k) => `t[${k}] = ${name};`).join(" ")}`);
  const state = new Float64Array(names.length);
  return { once: () => run(input, output, frames, state), result: () => Array.from(output) };
}

function gain({ factor, input }) {
  const output = new Float32Array(input.length);
  return {
    once() {
      for (let i = 0; i < input.length; i++) output[i] = input[i] * factor;
    },
    result: () => Array.from(output),
  };
}

const FORMS = { bandByBand, writtenOut, rounded, bothAtOnce, gain, ...KERNELS };

function made(job) {
  const input = new Float32Array(bytes(job.input));
  if (job.form) return FORMS[job.form]({ ...job, input });
  if (!job.kernel) return ofChain(job);
  return ofKernel(Chain, job, new WebAssembly.Module(bytes(job.module)), bytes(job.image), input);
}

/** Run it until V8 has compiled it for good, which it does beside, once something is run often. */
function warm(work) {
  work.fresh?.(1);
  for (const end = performance.now() + WARM_MS; performance.now() < end;) work.once();
}

const works = new Map();
for (const job of jobs) works.set(job.name, await made(job));

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [what, number, ...words] = line.split(" ");
  const work = works.get(words.join(" "));
  if (what === "check") {
    work.fresh?.(Number(number));
    work.once();
    console.log(JSON.stringify(work.result()));
    warm(work);
  } else {
    work.fresh?.(1);
    const started = process.hrtime.bigint();
    for (let k = 0; k < Number(number); k++) work.once();
    console.log(String(process.hrtime.bigint() - started));
  }
}
