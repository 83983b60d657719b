// Runs a chain over a signal, block by block, while its parameters change: in Node and in a browser's page; see parity.py.

/** Returns what comes out, a channel after the other, and what a display showed after each block. */
export function runJob(Chain, job, module, image, input) {
  const chain = new Chain(new WebAssembly.Module(module), image);
  const channels = chain.header.channels;
  const frames = input.length / channels;
  const output = new Float32Array(input.length);
  const heights = [];
  let at = 0;
  job.blocks.forEach((count, k) => {
    for (const [name, value] of job.changes[k] ?? []) chain.set(name, value);
    for (let c = 0; c < channels; c++) {
      chain.input[c].set(input.subarray(c * frames + at, c * frames + at + count));
    }
    chain.run(count);
    for (let c = 0; c < channels; c++) output.set(chain.output[c].subarray(0, count), c * frames + at);
    at += count;
    if (job.heights) {
      chain.look();
      heights.push(...chain.displays[0].heights, ...chain.displays[0].peaks);
    }
  });
  return { output, heights: Float64Array.from(heights) };
}
