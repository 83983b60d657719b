// Runs chains over files, in Node: what is read from standard input, as JSON, says which; see parity.py.
import fs from "node:fs";
import { runJob } from "./parity_job.mjs";
const [, , room] = process.argv;
const { Chain } = await import(`file://${room}/chain.js`);

function buffer(path) {
  const bytes = fs.readFileSync(path);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

for (const job of JSON.parse(fs.readFileSync(0, "utf8"))) {
  const input = new Float32Array(buffer(job.input));
  const { output, heights } = runJob(Chain, job, buffer(job.module), buffer(job.image), input);
  if (job.heights) fs.writeFileSync(job.heights, Buffer.from(heights.buffer));
  fs.writeFileSync(job.output, Buffer.from(output.buffer));
}
