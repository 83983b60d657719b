// Runs chains over files: what is read from standard input, as JSON, says which; see parity.py.
import fs from "node:fs";
const [, , room] = process.argv;
const { Chain } = await import(`file://${room}/chain.js`);

function floats(path) {
  const bytes = fs.readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function buffer(path) {
  const bytes = fs.readFileSync(path);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

for (const job of JSON.parse(fs.readFileSync(0, "utf8"))) {
  const chain = new Chain(new WebAssembly.Module(fs.readFileSync(job.module)), buffer(job.image));
  const channels = chain.header.channels;
  const input = floats(job.input);
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
  if (job.heights) fs.writeFileSync(job.heights, Buffer.from(Float64Array.from(heights).buffer));
  fs.writeFileSync(job.output, Buffer.from(output.buffer));
}
