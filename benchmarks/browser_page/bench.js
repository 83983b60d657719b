// Measures on the page; see browser.py.
import { about, makeNode } from "./engine.js";

const song = (context) => {
  const buffer = new AudioBuffer({ length: context.sampleRate, numberOfChannels: 2, sampleRate: context.sampleRate });
  for (let c = 0; c < 2; c++) buffer.copyToChannel(Float32Array.from({ length: buffer.length }, () => 0.5 * Math.random() - 0.25), c);
  return new AudioBufferSourceNode(context, { buffer, loop: true });
};
const seconds = (count) => new Promise((done) => setTimeout(done, 1000 * count));

window.quanta = async (rate, count) => {
  const node = await makeNode(new OfflineAudioContext(2, 128, rate), await about());
  const worker = new Worker("quantum.js", { type: "module" });
  const took = new Promise((done) => { worker.onmessage = ({ data }) => done(Array.from(data)); });
  worker.postMessage({ module: node.module, image: node.image, count });
  const found = await took;
  worker.terminate();
  return found;
};

/** The chain in the worklet: its own count of slow quanta, and the browser's of glitches. */
window.inWorklet = async (rate, length) => {
  const context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  const node = await makeNode(context, await about());
  const source = song(context);
  source.connect(node).connect(context.destination);
  source.start();
  await seconds(length);
  const found = { late: node.shown.counts[3], quanta: node.shown.counts[2], glitches: context.playbackStats?.underrunEvents ?? null };
  await context.close();
  return found;
};

/** The chain in a worker, so many quanta behind. */
window.inWorker = async (rate, length, behind) => {
  const context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  const { module, image } = await makeNode(context, await about());
  await context.audioWorklet.addModule("through.js");
  const shared = (bytes) => new SharedArrayBuffer(bytes);
  const memory = { control: shared(12), input: shared(64 * 1024), output: shared(64 * 1024) };
  const worker = new Worker("worker.js", { type: "module" });
  await new Promise((done) => {
    worker.onmessage = done;
    worker.postMessage({ module, image, ...memory });
  });
  const node = new AudioWorkletNode(context, "through", { outputChannelCount: [2], channelCount: 2, channelCountMode: "explicit",
    processorOptions: { ...memory, behind } });
  const source = song(context);
  source.connect(node).connect(context.destination);
  source.start();
  await seconds(length);
  const told = new Promise((done) => { node.port.onmessage = ({ data }) => done(data); });
  node.port.postMessage("tell");
  const [quanta, late] = await told;
  const glitches = context.playbackStats?.underrunEvents ?? null;
  Atomics.store(new Int32Array(memory.control), 2, 1);
  Atomics.notify(new Int32Array(memory.control), 0);
  await context.close();
  worker.terminate();
  return { late, quanta, glitches };
};
