"""Programs that make levels of bands of windows of samples, as text in WGSL, to be filled in by `gpu.spectra`."""

from __future__ import annotations

__all__ = ["FOLLOW", "LEVELS", "QUARTER", "WHOLE"]

_HEAD = """
struct Range {{ first: u32, hop: u32, windows: u32, row: u32 }}
@group(0) @binding(0) var<uniform> range: Range;
{times}"""
_LOAD = """
  let number = place.x + place.y * {in_a_row}u;
  if (number >= range.windows) {{ return; }}
  let start = range.first + number * range.hop;
"""
#: From samples to levels, a window a workgroup.
WHOLE = (
    _HEAD
    + """
@group(0) @binding(1) var<storage, read> samples: array<f32>;
@group(0) @binding(2) var<storage, read> shape: array<f32>;
@group(0) @binding(3) var<storage, read> roots: array<vec2f>;
@group(0) @binding(4) var<storage, read> turns: array<vec2f>;
@group(0) @binding(5) var<storage, read> pieces: array<vec2u>;
@group(0) @binding(6) var<storage, read> weights: array<f32>;
@group(0) @binding(7) var<storage, read> ends: array<u32>;
@group(0) @binding(8) var<storage, read_write> levels: array<f32>;
var<workgroup> z: array<vec2f, {points}>;

@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) place: vec3u, @builtin(local_invocation_index) me: u32) {{"""
    + _LOAD
    + """
  for (var i = me; i < {points}u; i += {threads}u) {{
    let at = start + 2u * i;
    z[i] = vec2f(samples[at] * shape[2u * i], samples[at + 1u] * shape[2u * i + 1u]);
  }}
  workgroupBarrier();
{passes}
  // Powers: of bin k in z[k].x; that of the last one in z[0].y.
  for (var k = me; k <= {middle}u; k += {threads}u) {{
    if (k == 0u) {{
      let first = z[0].x + z[0].y; let last = z[0].x - z[0].y;
      z[0] = vec2f(first * first, last * last);
    }} else {{
      let a = z[k]; let b = z[{points}u - k];
      let e = 0.5 * vec2f(a.x + b.x, a.y - b.y);
      let t = times(0.5 * vec2f(a.y + b.y, b.x - a.x), turns[k]);
      let low = e + t; let high = e - t;
      z[{points}u - k].x = dot(high, high);
      z[k].x = dot(low, low);
    }}
  }}
  workgroupBarrier();
  // Sums of sixteen bins, each in z[its number + 1].y.
  for (var k = me; k < {pieces}u; k += {threads}u) {{
    let bin = pieces[k].x; let count = pieces[k].y;
    var sum = 0.0;
    for (var i = 0u; i < count; i++) {{
      let at = bin + i;
      sum += weights[{together}u * k + i] * select(z[at % {points}u].x, z[0].y, at == {points}u);
    }}
    z[k + 1u].y = sum;
  }}
  workgroupBarrier();
  for (var band = me; band < {bands}u; band += {threads}u) {{
    var sum = 0.0;
    for (var k = ends[band]; k < ends[band + 1u]; k++) {{ sum += z[k + 1u].y; }}
    levels[(range.row + number) * {bands}u + band] = {scale} * log2(max(sum, {floor}));
  }}
}}
"""
)
#: A window that is too long for a workgroup: a quarter of its transform, every fourth bin, into memory.
QUARTER = (
    _HEAD
    + """
@group(0) @binding(1) var<storage, read> samples: array<f32>;
@group(0) @binding(2) var<storage, read> shape: array<f32>;
@group(0) @binding(3) var<storage, read> roots: array<vec2f>;
@group(0) @binding(4) var<storage, read> outer: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> bins: array<vec2f>;
var<workgroup> z: array<vec2f, {quarter}>;

fn pair(at: u32, i: u32) -> vec2f {{
  return vec2f(samples[at + 2u * i] * shape[2u * i], samples[at + 2u * i + 1u] * shape[2u * i + 1u]);
}}

@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) place: vec3u, @builtin(local_invocation_index) me: u32) {{"""
    + _LOAD
    + """
  let k = place.z;
  for (var i = me; i < {quarter}u; i += {threads}u) {{
    let a = pair(start, i); let b = pair(start, i + {quarter}u);
    let c = pair(start, i + {points}u / 2u); let d = pair(start, i + 3u * {quarter}u);
    var v = a + c + b + d;
    if (k == 1u) {{ v = a - c + vec2f(b.y - d.y, d.x - b.x); }}
    if (k == 2u) {{ v = a + c - b - d; }}
    if (k == 3u) {{ v = a - c - vec2f(b.y - d.y, d.x - b.x); }}
    z[i] = times(v, outer[k * i]);
  }}
  workgroupBarrier();
{passes}
  for (var i = me; i < {quarter}u; i += {threads}u) {{
    bins[number * {points}u + 4u * i + k] = z[i];
  }}
}}
"""
)
#: And from there to levels.
LEVELS = (
    _HEAD
    + """
@group(0) @binding(1) var<storage, read> bins: array<vec2f>;
@group(0) @binding(2) var<storage, read> turns: array<vec2f>;
@group(0) @binding(3) var<storage, read> pieces: array<vec2u>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read> ends: array<u32>;
@group(0) @binding(6) var<storage, read_write> levels: array<f32>;
var<workgroup> sums: array<f32, {pieces}>;

fn power(at: u32, k: u32) -> f32 {{
  let m = min(k, {points}u - k);
  let a = bins[at + m];
  if (m == 0u) {{
    let edge = select(a.x + a.y, a.x - a.y, k > 0u);
    return edge * edge;
  }}
  let b = bins[at + {points}u - m];
  let e = 0.5 * vec2f(a.x + b.x, a.y - b.y);
  let t = times(0.5 * vec2f(a.y + b.y, b.x - a.x), turns[m]);
  let bin = select(e - t, e + t, k == m);
  return dot(bin, bin);
}}

@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) place: vec3u, @builtin(local_invocation_index) me: u32) {{"""
    + _LOAD
    + """
  for (var k = me; k < {pieces}u; k += {threads}u) {{
    var sum = 0.0;
    for (var i = 0u; i < pieces[k].y; i++) {{
      sum += weights[{together}u * k + i] * power(number * {points}u, pieces[k].x + i);
    }}
    sums[k] = sum;
  }}
  workgroupBarrier();
  for (var band = me; band < {bands}u; band += {threads}u) {{
    var sum = 0.0;
    for (var k = ends[band]; k < ends[band + 1u]; k++) {{ sum += sums[k]; }}
    levels[(range.row + number) * {bands}u + band] = {scale} * log2(max(sum, {floor}));
  }}
}}
"""
)
#: Levels that rise and fall, and their peaks: a band a thread, window after window, as `spectrum.frame` has it.
FOLLOW = """
struct Pace { rise: f32, sink: f32, step: f32, hold: f32, fall: f32, windows: u32, bands: u32, fresh: u32 }
@group(0) @binding(0) var<uniform> pace: Pace;
@group(0) @binding(1) var<storage, read> now: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<vec3f>;
@group(0) @binding(3) var<storage, read_write> levels: array<f32>;
@group(0) @binding(4) var<storage, read_write> peaks: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) place: vec3u) {
  let band = place.x;
  if (band >= pace.bands) { return; }
  var level = state[band].x; var peak = state[band].y; var age = state[band].z;
  for (var i = 0u; i < pace.windows; i++) {
    let at = i * pace.bands + band;
    let wanted = max(now[at], -200.0);
    if (pace.fresh == 1u && i == 0u) {
      level = wanted; peak = wanted; age = 0.0;
    } else {
      level += (wanted - level) * select(pace.sink, pace.rise, wanted > level);
      if (level >= peak) {
        peak = level; age = 0.0;
      } else {
        age += pace.step;
        if (age > pace.hold) {
          peak = max(level, peak - pace.fall * min(pace.step, age - pace.hold));
        }
      }
    }
    levels[at] = level;
    peaks[at] = peak;
  }
  state[band] = vec3f(level, peak, age);
}
"""
