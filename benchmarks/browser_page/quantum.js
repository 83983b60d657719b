// How long quanta of 128 frames take, in microseconds: a chain with its spectrum as often as a worklet makes one.
import { Chain } from "./chain.js";

onmessage = ({ data: { module, image, count } }) => {
  const chain = new Chain(module, image);
  const rate = chain.header.sampleRate, every = Math.floor(rate / 60);
  for (const plane of chain.input) for (let i = 0; i < plane.length; i++) plane[i] = 0.5 * Math.random() - 0.25;
  const took = new Float64Array(count);
  let since = 0;
  for (let k = -2000; k < count; k++) { // the first ones are not counted: V8 still compiles
    const before = performance.now();
    chain.run(128);
    since += 128;
    if (since >= every) {
      since -= every;
      chain.look(0);
    }
    if (k >= 0) took[k] = 1000 * (performance.now() - before);
  }
  postMessage(took);
};
