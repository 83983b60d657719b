"""What is drawn of a sound, as text in WGSL: fields, whose every pixel has a colour, and traces, lines of light.

A field is ``fn field(x, y, pixel) -> vec3f``, x from the left and y from the bottom, 0 to 1. A trace is
``fn point(i) -> vec2f``: where sample i of those that are shown lies, from -1 to 1.
"""

from __future__ import annotations

import dataclasses

__all__ = ["MODES", "OVERLAY", "Scene", "source_of"]

#: What `gpu.painter` fills in; ``rows`` of a history are a ring, ``newest`` the row that came last.
_VIEW = """
struct View {
  size: vec2f, low_db: f32, high_db: f32,
  time: f32, delta: f32, gain: f32, unused: f32,
  bands: u32, rows: u32, newest: u32, row: u32,
  wave_end: u32, wave: u32, plane: u32, has_peaks: u32,
}
@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> levels: array<f32>;
@group(0) @binding(2) var<storage, read> peaks: array<f32>;
@group(0) @binding(3) var<storage, read> history: array<f32>;
@group(0) @binding(4) var<storage, read> samples: array<f32>;

/** From 0 at the lowest level to 1 at the highest one. */
fn share(db: f32) -> f32 {
  return clamp((db - view.low_db) / (view.high_db - view.low_db), 0.0, 1.0);
}

/** Black, violet, red, yellow, white: ever lighter. */
fn heat(x: f32) -> vec3f {
  return clamp(vec3f(2.2 * x - 0.15, 2.4 * x - 1.1, select(1.2 * x, 3.0 * x - 2.0, x > 0.75)
    - select(0.0, 2.4 * (x - 0.35), x > 0.35 && x <= 0.75)), vec3f(0.0), vec3f(1.0));
}

/** A sample of those that are shown, the oldest first: 0 mixed, 1 left, 2 right. */
fn sample(channel: u32, i: u32) -> f32 {
  return samples[channel * view.plane + view.wave_end - view.wave + i];
}

/** The loudest of some bands, now. */
fn loudest(first: u32, end: u32) -> f32 {
  var found = -200.0;
  for (var k = first; k < max(end, first + 1u); k++) { found = max(found, levels[view.row * view.bands + k]); }
  return share(found);
}

fn highest(first: u32, end: u32) -> f32 {
  var found = -200.0;
  for (var k = first; k < max(end, first + 1u); k++) { found = max(found, peaks[view.row * view.bands + k]); }
  return share(found);
}

/** The level at a place from 0 to 1 on the scale, between the bands' middles. */
fn level_at(x: f32) -> f32 {
  let place = clamp(x * f32(view.bands) - 0.5, 0.0, f32(view.bands - 1u));
  let band = min(u32(place), max(view.bands, 2u) - 2u); let base = view.row * view.bands;
  let next = levels[base + min(band + 1u, view.bands - 1u)];
  return mix(share(levels[base + band]), share(next), place - f32(band));
}

/** The loudest of a piece of the history: from an age to another, in rows back from the newest. */
fn passed(young: f32, old: f32, x: f32) -> f32 {
  let band = min(u32(x * f32(view.bands)), view.bands - 1u);
  let first = min(u32(young), view.rows - 1u); let end = clamp(u32(old), first + 1u, view.rows);
  var found = -200.0;
  for (var age = first; age < end; age++) {
    found = max(found, history[((view.newest + view.rows - age) % view.rows) * view.bands + band]);
  }
  return share(found);
}
"""
_CORNER = """
@vertex
fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  // One triangle that covers all.
  return vec4f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}
"""
_FIELD = """
@fragment
fn shown(@builtin(position) at: vec4f) -> @location(0) vec4f {
  return vec4f(field(at.x / view.size.x, 1.0 - at.y / view.size.y, at.xy), 1.0);
}
"""
#: Each piece of a trace is a quad, brighter where it moves slowly, as a beam's.
_TRACE = """
struct Lit { @builtin(position) at: vec4f, @location(0) across: f32, @location(1) light: f32 }

@vertex
fn beam(@builtin(vertex_index) v: u32) -> Lit {
  let i = v / 6u; let k = (0x312210u >> (4u * (v % 6u))) & 3u;
  let half = 0.5 * view.size;
  let a = point(i) * half; let b = point(i + 1u) * half;
  let long = length(b - a); let along = select(vec2f(1.0, 0.0), (b - a) / long, long > 1e-6);
  let side = f32(k & 1u) * 2.0 - 1.0; let wide = 1.6;
  let end = select(a - along * wide, b + along * wide, k >= 2u);
  let place = (end + side * wide * vec2f(-along.y, along.x)) / half;
  return Lit(vec4f(place, 0.0, 1.0), side, brightness(i) / max(1.0, sqrt(long)));
}

@fragment
fn shown(lit: Lit) -> @location(0) vec4f {
  let light = lit.light * (1.0 - lit.across * lit.across);
  return vec4f(vec3f(0.30, 0.85, 0.65) * light + vec3f(0.5) * light * light, 1.0);
}
"""


@dataclasses.dataclass(frozen=True)
class Scene:
    """A way to show a sound.

    Attributes
    ----------
    words : str
        What it shows, for people.
    body : str
        In WGSL: ``field``, or ``point`` and ``brightness``.
    is_trace : bool
        Which of them.
    wave_s : float
        Of a trace, how much sound it shows, in seconds.
    is_fed_back : bool
        Whether it sees its last frame.

    """

    words: str
    body: str
    is_trace: bool = False
    wave_s: float = 0.0
    is_fed_back: bool = False


MODES = {
    "bars": Scene(
        "bars with peaks",
        """
fn field(x: f32, y: f32, at: vec2f) -> vec3f {
  // Of so many bands that a bar and its gap are some pixels wide.
  let count = max(1u, min(view.bands, u32(view.size.x / 6.0)));
  let bar = min(u32(x * f32(count)), count - 1u);
  let first = bar * view.bands / count; let end = (bar + 1u) * view.bands / count;
  if (fract(x * f32(count)) > 0.82 && view.size.x >= 2.0 * f32(count)) { return vec3f(0.0); }
  if (y < loudest(first, end)) { return vec3f(0.15 + 0.85 * y, 0.75 - 0.45 * y, 0.95 - 0.7 * y); }
  let peak = highest(first, end);
  let is_peak = view.has_peaks == 1u && peak > 0.0 && abs(y - peak) < max(0.95, view.size.y / 400.0) / view.size.y;
  return select(vec3f(0.0), vec3f(1.0), is_peak);
}""",
    ),
    "line": Scene(
        "the spectrum as a line",
        """
fn corner_of(k: i32, place: f32, y: f32) -> vec2f {
  let db = levels[view.row * view.bands + u32(clamp(k, 0, i32(view.bands) - 1))];
  return vec2f(f32(k) - place, share(db) - y) * vec2f(view.size.x / f32(view.bands), view.size.y);
}

fn field(x: f32, y: f32, at: vec2f) -> vec3f {
  let level = level_at(x); let wide = max(1.5, view.size.y / 300.0);
  // How near the line is, in pixels: it goes straight between the bands' middles.
  let place = x * f32(view.bands) - 0.5; let reach = (wide + 0.5) * f32(view.bands) / view.size.x;
  let end = i32(floor(place + reach)) + 1;
  var from_it = wide + 0.5; var a = corner_of(i32(floor(place - reach)), place, y);
  for (var k = i32(floor(place - reach)) + 1; k <= end; k++) {
    let b = corner_of(k, place, y); let ab = b - a;
    from_it = min(from_it, length(a + ab * clamp(-dot(a, ab) / dot(ab, ab), 0.0, 1.0)));
    a = b;
  }
  let lit = clamp(wide + 0.5 - from_it, 0.0, 1.0);
  return vec3f(0.3, 0.71, 1.0) * max(lit, select(0.0, 0.12 + 0.2 * y, y < level));
}""",
    ),
    "waterfall": Scene(
        "levels over time, the newest at the top",
        """
fn field(x: f32, y: f32, at: vec2f) -> vec3f {
  let rows = f32(view.rows) / view.size.y; let line = floor(at.y);
  return heat(passed(line * rows, (line + 1.0) * rows, x));
}""",
    ),
    "spectrogram": Scene(
        "levels over time, the newest at the right",
        """
fn field(x: f32, y: f32, at: vec2f) -> vec3f {
  let rows = f32(view.rows) / view.size.x; let column = view.size.x - 1.0 - floor(at.x);
  return heat(passed(column * rows, (column + 1.0) * rows, y));
}""",
    ),
    "wave": Scene(
        "left and right over time",
        """
fn point(i: u32) -> vec2f {
  let half = view.wave / 2u; let channel = select(1u, 2u, i >= half);
  // Two lines; the piece between them is not lit.
  let k = i % half;
  return vec2f(2.0 * f32(k) / f32(half - 1u) - 1.0,
    clamp(0.45 * view.gain * sample(channel, k + half), -0.48, 0.48) + select(0.5, -0.5, channel == 2u));
}
fn brightness(i: u32) -> f32 { return select(1.0, 0.0, i == view.wave / 2u - 1u); }""",
        is_trace=True,
        wave_s=0.06,
    ),
    "goniometer": Scene(
        "left against right: mono is upright",
        """
fn point(i: u32) -> vec2f {
  let l = sample(1u, i); let r = sample(2u, i); let square = min(view.size.x, view.size.y) / view.size;
  return clamp(0.70710678 * view.gain * vec2f(r - l, l + r), vec2f(-1.0), vec2f(1.0)) * square * 0.95;
}
fn brightness(i: u32) -> f32 { return 0.15 + 0.85 * pow(f32(i) / f32(view.wave), 2.0); }""",
        is_trace=True,
        wave_s=0.05,
    ),
    "tunnel": Scene(
        "a ring of the spectrum that flies by: each frame is fed back into the next",
        """
@group(1) @binding(0) var last: texture_2d<f32>;
@group(1) @binding(1) var soft: sampler;

fn hue(x: f32) -> vec3f { return 0.5 + 0.5 * cos(6.2831853 * (x + vec3f(0.0, 0.33, 0.67))); }

fn field(x: f32, y: f32, at: vec2f) -> vec3f {
  let aspect = view.size / min(view.size.x, view.size.y);
  let p = (vec2f(x, y) - 0.5) * aspect;
  // What was there flies outwards, turns, and fades: by time, not by frame.
  let bass = loudest(0u, view.bands / 6u);
  let grown = exp(-view.delta * (0.7 + 1.3 * bass)); let turn = 0.35 * view.delta;
  let q = grown * mat2x2f(cos(turn), sin(turn), -sin(turn), cos(turn)) * p;
  let uv = q / aspect + 0.5;
  let old = textureSampleLevel(last, soft, vec2f(uv.x, 1.0 - uv.y), 0.0).rgb;
  let inside = select(0.0, 1.0, all(uv > vec2f(0.0)) && all(uv < vec2f(1.0)));
  let angle = abs(atan2(p.x, -p.y)) / 3.14159265;
  let level = level_at(angle);
  let radius = 0.10 + 0.22 * level;
  let thin = 1.0 / min(view.size.x, view.size.y);
  let lit = smoothstep(2.5 * thin + 0.006, 0.0, abs(length(p) - radius)) * (0.25 + 0.75 * level);
  return clamp(old * inside * exp(-1.1 * view.delta) - 0.08 * view.delta + hue(0.12 * view.time + 0.4 * angle) * lit,
    vec3f(0.0), vec3f(1.0));
}""",
        is_fed_back=True,
    ),
}


def source_of(scene: Scene) -> str:
    """Return the whole of a scene's program."""
    frame = _TRACE if scene.is_trace else _CORNER + _FIELD
    return _VIEW + scene.body + frame


#: A picture over what is there: labels, with their own transparency; or a frame onto another target.
OVERLAY = (
    """
@group(0) @binding(0) var picture: texture_2d<f32>;
"""
    + _CORNER
    + """
@fragment
fn shown(@builtin(position) at: vec4f) -> @location(0) vec4f {
  return textureLoad(picture, vec2u(at.xy), 0);
}
"""
)
