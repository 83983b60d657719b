// Reads and writes presets as the page does: what is read from standard input, as JSON, says which; see
// test_web_presets.py.
import fs from "node:fs";
const [, , page] = process.argv;
const { parsePreset, writePreset } = await import(`file://${page}/presets.js`);

const results = JSON.parse(fs.readFileSync(0, "utf8")).map(({ text, bytes, rate, setting }) => {
  try {
    if (setting) return { text: writePreset(setting) };
    return parsePreset(bytes === undefined ? text : new Uint8Array(Buffer.from(bytes, "base64")), rate);
  } catch (error) {
    if (error.constructor !== Error && error.constructor !== RangeError) throw error;
    return { error: error.message };
  }
});
process.stdout.write(JSON.stringify(results));
