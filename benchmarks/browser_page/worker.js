// A chain in a worker: it waits for quanta in shared memory, and puts them back there.
import { Chain } from "./chain.js";
import { RING } from "./ring.js";

onmessage = ({ data: { module, image, control, input, output } }) => {
  const chain = new Chain(module, image);
  const counts = new Int32Array(control), from = new Float32Array(input), to = new Float32Array(output);
  let done = 0;
  postMessage("ready");
  while (Atomics.load(counts, 2) === 0) {
    Atomics.wait(counts, 0, done);
    const there = Atomics.load(counts, 0);
    for (; done !== there; done++) {
      const at = (done % RING) * 256;
      for (let c = 0; c < 2; c++) chain.input[c].set(from.subarray(at + 128 * c, at + 128 * c + 128));
      chain.run(128);
      for (let c = 0; c < 2; c++) to.set(chain.output[c].subarray(0, 128), at + 128 * c);
      Atomics.store(counts, 1, done + 1);
    }
  }
};
