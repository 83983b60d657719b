"""Users' shaders and their audio input, on Mesa's software Vulkan: exact pictures, lines of errors, NumPy in float64."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from zerocross.errors import UsageError, UserFileError
from zerocross.gpu import Card
from zerocross.gpu.audio_texture import FFT_SIZE, WIDTH, AudioTexture
from zerocross.gpu.shader_text import MOST_TURNS
from zerocross.gpu.user_shader import UserShader

RATE = 48_000
MAIN = "fn shader_main(frag_coord: vec2<f32>) -> vec4<f32> {{\n{}\n}}\n"
GREY = MAIN.format("  return vec4<f32>(0.4);")


@pytest.fixture(scope="module")
def audio(card):
    return AudioTexture(card, RATE)


def picture_of(card, texture, width, height):
    """Return red, green, blue and alpha, shape (height, width, 4)."""
    row = -(-4 * width // 256) * 256
    data = card.device.queue.read_texture(
        {"texture": texture, "origin": (0, 0, 0), "mip_level": 0},
        {"offset": 0, "bytes_per_row": row, "rows_per_image": height},
        (width, height, 1),
    )
    rows = np.frombuffer(data, np.uint8).reshape(height, row)
    return rows[:, : 4 * width].reshape(height, width, 4).astype(int)


def drawn(card, shader, width=4, height=3, **given):
    import wgpu

    texture = card.device.create_texture(
        size=(width, height, 1),
        format="rgba8unorm",
        usage=wgpu.TextureUsage.RENDER_ATTACHMENT | wgpu.TextureUsage.COPY_SRC,
    )
    encoder = card.device.create_command_encoder()
    given = {"time_s": 0.0, "delta_s": 0.02, "frame": 0, **given}
    shader.draw(encoder, texture.create_view(), width, height, **given)
    card.device.queue.submit([encoder.finish()])
    return picture_of(card, texture, width, height)


@pytest.fixture
def made(card, audio, tmp_path):
    """Return a function that makes a shader of a text."""

    def make(text, name="own.wgsl"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return UserShader(card, path, audio.view)

    return make


def error_of(made, text):
    with pytest.raises(UserFileError) as told:
        made(text)
    words = str(told.value)
    assert words.isprintable() and len(words) < 600, "one line"
    place = f"own.wgsl:{told.value.line}: " if told.value.line else "own.wgsl: "
    assert place in words
    return told.value.line, words.split(place, 1)[1]


# --- sound ---


class Analyser:
    """The Web Audio API's AnalyserNode, from its text, in float64."""

    def __init__(self):
        self.smooth = np.zeros(FFT_SIZE // 2)

    def rows(self, newest, delta_s):
        n = np.arange(FFT_SIZE)
        alpha = 0.16
        shape = (1 - alpha) / 2 - 0.5 * np.cos(2 * np.pi * n / FFT_SIZE)
        shape += alpha / 2 * np.cos(4 * np.pi * n / FFT_SIZE)
        bins = np.fft.fft(newest * shape)[: FFT_SIZE // 2] / FFT_SIZE
        tau = 0.8 ** (60 * delta_s)
        self.smooth = tau * self.smooth + (1 - tau) * np.abs(bins)
        with np.errstate(divide="ignore"):
            db = 20 * np.log10(self.smooth)
        spectrum = np.clip(np.floor(255 / 70 * (db + 100)), 0, 255)[:WIDTH]
        return spectrum, np.clip(np.floor(128 * (1 + newest[-WIDTH:])), 0, 255)


def encoded(card, texture, samples, end, delta_s):
    encoder = card.device.create_command_encoder()
    texture.encode(encoder, samples, end, delta_s)
    card.device.queue.submit([encoder.finish()])
    found = picture_of(card, texture.texture, WIDTH, 2)
    assert (found[..., 1:3] == 0).all() and (found[..., 3] == 255).all()
    return found[..., 0]


def test_the_audio_texture_is_that_of_an_analyser_node(card):
    rng = np.random.default_rng(1)
    t = np.arange(30_000) / RATE
    x = 0.7 * np.sin(2 * np.pi * (200 + 3000 * t) * t) + 0.01 * rng.standard_normal(t.size)
    x[20_000:24_000] *= 2.5  # beyond full scale
    x = x.astype(np.float32)
    ours, theirs = AudioTexture(card, RATE), Analyser()
    buffer = card.upload(x)
    seen = set()
    for end, delta_s in (
        (2048, 1 / 60),
        (2049, 0.0),
        (9000, 1 / 144),
        (22_500, 0.5),
        (30_000, 1 / 60),
    ):
        found = encoded(card, ours, buffer, end, delta_s)
        spectrum, wave = theirs.rows(x[end - FFT_SIZE : end].astype(float), delta_s)
        assert np.abs(found[0] - spectrum).max() <= 1, end
        assert (found[0] != spectrum).mean() < 0.01, "but for what is at an edge"
        assert np.array_equal(found[1], wave), end
        seen |= set(found[0]) | set(found[1])
    assert {0, 255} <= seen and len(seen) > 200


def test_smoothing_does_not_depend_on_how_often_one_looks(card):
    x = card.upload((np.random.default_rng(2).standard_normal(4096) * 0.3).astype(np.float32))
    found = []
    for steps in (1, 6):
        texture = AudioTexture(card, RATE)
        for _ in range(steps):
            rows = encoded(card, texture, x, 4096, 0.1 / steps)
        found.append(rows[0])
    assert np.abs(found[0] - found[1]).max() <= 1
    texture.reset()
    assert (encoded(card, texture, x, 4096, 0.0)[0] == 0).all()


def test_what_is_no_number_is_silence_and_passes(card):
    x = (np.random.default_rng(3).standard_normal(8192) * 0.3).astype(np.float32)
    x[3000:3003] = np.nan, np.inf, -np.inf
    texture, buffer = AudioTexture(card, RATE), card.upload(x)
    rows = encoded(card, texture, buffer, 3100, 0.02)
    assert (rows[0] == 0).all()
    assert (rows[1][WIDTH - 100 : WIDTH - 97] == 128).all()
    rows = encoded(card, texture, buffer, 8192, np.inf)
    assert np.abs(rows[0] - Analyser().rows(x[-FFT_SIZE:].astype(float), np.inf)[0]).max() <= 1


def test_other_samples_take_the_place_of_the_first(card):
    texture = AudioTexture(card, RATE)
    for level, byte in ((0.5, 192), (-0.5, 64)):
        buffer = card.upload(np.full(FFT_SIZE, level, np.float32))
        assert (encoded(card, texture, buffer, FFT_SIZE, 0.02)[1] == byte).all()


def test_no_group_or_buffer_is_made_for_a_picture(card, made, monkeypatch):
    texture, buffer = AudioTexture(card, RATE), card.upload(np.zeros(4096, np.float32))
    shader = made(GREY)
    encoded(card, texture, buffer, 4096, 0.02)

    def refused(*_, **__):
        raise AssertionError("made anew")

    for name in ("create_buffer", "create_bind_group", "create_buffer_with_data"):
        monkeypatch.setattr(type(card.device), name, refused)
    encoder = card.device.create_command_encoder()
    texture.encode(encoder, buffer, 3000, 0.02)
    view = card.device.create_texture(size=(4, 4, 1), format="rgba8unorm", usage=16).create_view()
    shader.draw(encoder, view, 4, 4, 0.0, 0.0, 0)
    card.device.queue.submit([encoder.finish()])


@pytest.mark.parametrize(("end", "delta_s"), [(2047, 0.0), (4097, 0.0), (4096, -1), (4096, np.nan)])
def test_sound_that_is_not_there_is_refused(card, audio, end, delta_s):
    buffer = card.upload(np.zeros(4096, np.float32))
    with pytest.raises(UsageError):
        audio.encode(card.device.create_command_encoder(), buffer, end, delta_s)


@pytest.mark.parametrize("rate", [0, -1, np.nan, np.inf])
def test_a_rate_that_cannot_be(card, rate):
    with pytest.raises(UsageError, match="sample rate"):
        AudioTexture(card, rate)


# --- pictures ---


def test_y_goes_up_and_pixels_have_their_centres(card, made):
    text = MAIN.format(
        "  return vec4<f32>(frag_coord.x, frag_coord.y, i_resolution.y, 9.0) / 25.5;"
    )
    found = drawn(card, made(text), 7, 5)
    x, y = np.meshgrid(np.arange(7) + 0.5, np.arange(5)[::-1] + 0.5)
    assert np.array_equal(found[..., 0], 10 * x)
    assert np.array_equal(found[..., 1], 10 * y)
    assert found[0, 0, 1] > found[4, 0, 1], "the first row is the highest"
    assert (found[..., 2] == 50).all() and (found[..., 3] == 255).all()


def test_a_shader_is_told_everything(card, made):
    told = {
        "i_time": 11,
        "i_time_delta * 50.0": 2,
        "f32(i_frame)": 13,
        "i_framerate": 25,
        "i_sample_rate / 1000.0": 44,
        "i_mouse.x": 1,
        "i_mouse.y": 2,
        "i_mouse.z": 3,
        "i_mouse.w": 4,
        "i_resolution.x": 4,
        "i_resolution.y": 3,
        "i_resolution.z": 1,
        "i_channel_resolution[0].x / 4.0": 128,
        "i_channel_resolution[0].y": 2,
        "i_channel_resolution[0].z": 1,
        "i_channel_resolution[3].x": 0,
        "i_date.x - 2000.0": time.localtime().tm_year - 2000,
        "i_date.y": time.localtime().tm_mon - 1,
        "i_date.z": time.localtime().tm_mday,
    }
    given = {"time_s": 11, "delta_s": 0.04, "frame": 13, "mouse": (1, 2, 3, 4), "sample_rate": 44e3}
    lines = "\n".join(
        f"  if (i32(frag_coord.x) == {k}) {{ return vec4<f32>(({name}) / 255.0); }}"
        for k, name in enumerate(told)
    )
    lines = lines.replace("i_resolution.x", "(i_resolution.x - 20.0)")
    shader = made(MAIN.format(lines + "\n  return vec4<f32>(0.0);"))
    found = drawn(card, shader, 24, 3, **given)
    assert dict(zip(told, found[0, :, 0], strict=False)) == told


def test_seconds_of_the_day(card, made):
    day = MAIN.format("  return vec4<f32>(i_date.w / 86400.0);")
    now = time.localtime()
    want = (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec) / 86400 * 255
    assert abs(drawn(card, made(day))[0, 0, 0] - want) < 1.1 or want > 253


def test_sound_is_read_by_point_and_by_sampler(card, audio, made):
    x = (np.random.default_rng(5).standard_normal(FFT_SIZE) * 0.3).astype(np.float32)
    rows = encoded(card, audio, card.upload(x), FFT_SIZE, 1.0)
    by_point = MAIN.format(
        "  let at = vec2<i32>(i32(frag_coord.x), select(1, 0, frag_coord.y < 1.0));\n"
        "  return textureLoad(i_channel0, at, 0);"
    )
    by_sampler = MAIN.format(
        "  return textureSample(i_channel0, sampler0, frag_coord / i_resolution.xy);"
    )
    for text in (by_point, by_sampler):
        found = drawn(card, made(text), WIDTH, 2)[..., 0]
        assert np.array_equal(found[::-1], rows), "the spectrum below, where y is 0"


@pytest.mark.parametrize(
    ("value", "byte"),
    [
        ("bitcast<f32>(0x7fc00000u + u32(i_time))", 0),
        ("bitcast<f32>(0xffc00000u + u32(i_time))", 0),
        ("bitcast<f32>(0x7f800001u + u32(i_time))", 0),
        ("sqrt(-1.0 - i_time)", 0),
        ("i_time / i_time", 0),
        ("1.0 / i_time", 255),
        ("-1.0 / i_time", 0),
        ("f32(7 / i32(i_time))", 255),
        ("log(i_time)", 0),
        ("-0.3 - i_time", 0),
        ("1e30 + i_time", 255),
        ("textureLoad(i_channel0, vec2<i32>(-5, 7000) + i32(i_time), 0).y", 0),
        ("textureLoad(i_channel0, vec2<i32>(0, 0), 99 + i32(i_time)).y", 0),
        ("array<f32, 3>(0.2, 0.4, 0.6)[2 + i32(i_time)]", 153),
    ],
)
def test_every_colour_is_one(card, made, value, byte):
    found = drawn(card, made(MAIN.format(f"  return vec4<f32>({value});")), 2, 2)
    assert (found[..., :3] == byte).all() and (found[..., 3] == 255).all()


@pytest.mark.parametrize(
    "loop",
    [
        "loop { n += 1.0; if (n < -i_time) { break; } }",
        "for (var i = 0; ; i++) { n += 1.0; if (n < -i_time) { break; } }",
        "for (;;) { n += 1.0; if (n < -i_time) { break; } }",
        "while n > -1.0 - i_time { n += 1.0; }",
        "while (n > -1.0 - i_time) { n += 1.0; }",
        "loop /* { */ { // {\n n += 1.0; if (n < -i_time) { break; } continuing { n += 0.0; } }",
        "loop { loop { n += 1.0; if (n < -i_time) { break; } } if (n > 9.0) { break; } }",
    ],
)
def test_endless_loops_end(card, made, loop):
    text = MAIN.format(f"  var n = 0.0;\n  {loop}\n  return vec4<f32>(n / 65535.0);")
    found = drawn(card, made(text), 2, 2)
    assert (found[..., 0] == round(MOST_TURNS / 65535 * 255)).all()


def test_loops_that_end_are_as_they_were(card, made):
    text = MAIN.format(
        "  var n = 0;\n  for (var i = 0; i < 50; i++) { var j = 0; while (j < 4) { j++; n++; } }\n"
        "  return vec4<f32>(f32(n) / 255.0);"
    )
    assert (drawn(card, made(text))[..., 0] == 200).all()


def test_names_of_wgsl_may_be_a_users(card, made):
    own = "fn clamp(x: f32) -> f32 { return x; }\nfn select(x: f32) -> f32 { return clamp(x); }\n"
    text = own + "fn min() {}\nfn max() {}\nfn mix() {}\nstruct View { a: f32 }\n"
    text += MAIN.format("  return vec4<f32>(select(0.2));")
    assert (drawn(card, made(text))[..., 0] == 51).all()


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_a_picture_without_size_is_refused(card, made, size):
    with pytest.raises(UsageError):
        drawn_nowhere(card, made(GREY), *size)


def drawn_nowhere(card, shader, width, height, mouse=(0, 0, 0, 0)):
    shader.draw(card.device.create_command_encoder(), None, width, height, 0, 0, 0, mouse)


def test_a_mouse_of_three_numbers_is_refused(card, made):
    with pytest.raises(UsageError):
        drawn_nowhere(card, made(GREY), 4, 4, (1, 2, 3))


# --- errors ---

#: Lines that no shader may have: what is told, and in which line of it.
WRONG = [
    ("let x = ;", "expected expression"),
    ("let x = 1.0", "expected `;`"),
    ("let x: i32 = 1.5;", "`x`"),
    ("let x: i32 = frag_coord.x;", "`x`"),
    ("let x = nope;", "`nope`"),
    ("let x = nope();", "`nope`"),
    ("let x = 日本;", "`日本`"),
    ("let x = i_channel1;", "`i_channel1`"),
    ("let x = sin(1u);", "`sin`"),
    ("let x = frag_coord + vec3<f32>(1.0);", "vec2<f32> and vec3<f32>"),
    ("let x = mat3x3<f32>() * frag_coord;", "mat3x3<f32> and vec2<f32>"),
    ("let x = i_frame + i_time;", "u32 and f32"),
    ("let x = own();", "arguments"),
    ("let x = own(1.0, 2.0);", "arguments"),
    ("let x = own(frag_coord);", "Argument"),
    ("let x = frag_coord.z;", "`z`"),
    ("let x = vec4<f32>(frag_coord, 1.0);", "4 components"),
    ("let x = 1.0; x = 2.0;", "assignment"),
    ("var x = 1.0; x = 2u;", "u32"),
    ("var x = array<f32, 4>(); x[7] = 1.0;", "bounds"),
    ("let x = 1.0 / 0.0;", "overflow"),
    ("let x = 1e39;", ""),
    ("let x = 99999999999i;", ""),
    ("return vec3<f32>(1.0);", "return"),
    ("return;", "return"),
    ("break;", "break"),
    ("continue;", "continue"),
    ("const_assert 1 > 2;", "const_assert"),
    ("let x = a ? b : c;", ""),
    ("float x = 1.0;", ""),
    ("let x = 1.0;;; }} {{", ""),
    ("let x = (1.0;", "expected `)`"),
    ("let x = 1.0);", ""),
    ("let x = frag_coord[;", ""),
    ("let x = 'a';", ""),
    ('let x = "a";', ""),
    ("# define x 1", ""),
    ("\x1b[2J", "1b"),
    ("\u202e", "202e"),
    ("\u2603 = 1;", ""),
    ("if frag_coord.x > 1.0 let x = 1.0;", ""),
    ("fn inner() {}", ""),
    ("struct Inner { x: f32 }", ""),
    ("let fn = 1.0;", ""),
    ("let zx_turns = 1u;", "zx_"),
    ("zx_turns = 4000000000u;", "zx_"),
    ("let x = vec9<f32>();", "`vec9`"),
    ("let x = vec2<f99>();", "`f99`"),
    ("let x = \0;", "code 0"),
    ("let x = 1.0; /* never closed", "comment"),
    ("let x = " + "(" * 100_000, "brackets"),
    ("let x = " + "a[" * 100_000, "brackets"),
    ("let x = " + "- " * 100_000 + "1.0;", "letters"),
    ("let x = " + "1.0 + " * 100_000 + "1.0;", "letters"),
    ("let x = " + "array<" * 50_000, "brackets"),
    ("if (true) {}" + " else if (true) {}" * 20_000, "else"),
]


@pytest.mark.parametrize(("wrong", "told"), WRONG, ids=range(len(WRONG)))
def test_an_error_is_told_with_its_line(made, wrong, told):
    head = "// ä /* */\r\nfn own(x: f32) -> f32 { return x; }\n\n"
    body = f"  let before = 1.0;\n\n  {wrong}\n  let after = 1.0;\n  return vec4<f32>(0.0);"
    line, reason = error_of(made, head + MAIN.format(body))
    assert line == 7
    assert told in reason


#: Errors at the top of a file, each with the line that is told; 0 for none.
WHOLE = [
    ("\n\n", 0, "there is no function shader_main"),
    ("// nothing\n", 0, "there is no function shader_main"),
    ("fn shader_maim(p: vec2<f32>) -> vec4<f32> { return vec4<f32>(); }", 0, "no function"),
    ("// fn shader_main\nfn f() {}\n", 0, "no function"),
    ("\nfn shader_main() -> vec4<f32> { return vec4<f32>(); }\n", 2, "not of this kind"),
    ("\nfn shader_main(p: vec3<f32>) -> vec4<f32> { return vec4<f32>(); }", 2, "not of this kind"),
    ("\nfn shader_main(p: vec2<f32>) -> vec3<f32> { return vec3<f32>(); }", 2, "not of this kind"),
    ("\nfn shader_main(p: vec2<f32>) { }", 2, ""),
    ("\nfn shader_main(p: vec2<f32>) -> vec4<f32> { }", 2, "return"),
    (GREY + GREY, 4, "redefinition of `shader_main`"),
    (GREY + "\nvar<private> i_time: f32;\n", 5, "`i_time` (Zerocross declares it)"),
    ("const i_mouse = 1.0;\n" + GREY, 1, "`i_mouse` (Zerocross declares it)"),
    ("fn sampler0() {}\n" + GREY, 1, "`sampler0` (Zerocross declares it)"),
    (GREY + "@group(0) @binding(0) var<uniform> u: vec4<f32>;", 4, "bindings are made by"),
    (GREY + "\n@ binding /* */ (0) @group(3) var t: sampler;", 5, "bindings are made by"),
    (GREY + "struct zx_Told { a: f32 }", 4, "zx_"),
    ("var<storage> s: array<f32>;\n" + GREY, 1, ""),
    ("fn f() -> f32 { return f(); }\n" + GREY, 1, "recursive"),
    ("\nfn f() { g(); }\nfn g() { f(); }\n" + GREY, 2, "cyclic"),
    ("struct A { b: B }\nstruct B { a: A }\n" + GREY, 1, "cyclic"),
    ("var<private> a: array<f32, 1000000000>;\n" + GREY.replace("0.4", "a[1]"), 0, ""),
    (GREY.rstrip().removesuffix("}"), 2, "a bracket is missing"),
    (GREY.rstrip().removesuffix("}") + "\n\n\n", 2, "a bracket is missing"),
    ("fn shader_main(p: vec2<f32>) -> vec4<f32> {\n return vec4<f32>(1.0", 2, "a bracket"),
    (GREY + "/* /* */ \n\n", 4, "comment"),
    (GREY + "}\n", 4, ""),
    ("#version 450\nvoid mainImage(out vec4 c, vec2 p) { }\n", 1, "this is GLSL"),
    ("\n  void mainImage(out vec4 c, in vec2 p) { c = vec4(1.0); }\n", 2, "this is GLSL"),
    ("// void mainImage(\nuniform float t;\n", 2, "this is GLSL"),
    ("override depth: f32;\n" + GREY.replace("0.4", "depth"), 0, "depth"),
    ("enable f16;\n" + GREY, 1, "f16"),
    (b"fn f() {}\n\xff\xfe" + GREY.encode(), 2, "UTF-8"),
    (GREY.encode("utf-16"), 1, "UTF-8"),
    (bytes(5000), 1, "code 0"),
    (b"", 0, "empty"),
    (b" " * ((1 << 20) + 1), 0, "longer than 1 MiB"),
    ("fn f() {}\n" * 1001, 1001, "'fn'"),
]


@pytest.mark.parametrize(("text", "line", "told"), WHOLE, ids=range(len(WHOLE)))
def test_an_error_of_a_whole_file(made, text, line, told):
    found, reason = error_of(made, text)
    assert found == line
    assert told in reason


def test_a_call_over_several_lines_is_told_by_its_first(made):
    text = "fn own(a: f32) -> f32 { return a; }\n"
    line, reason = error_of(made, text + MAIN.format("  let x = own(\n    1.0,\n    2.0\n  );"))
    assert (line, "arguments" in reason) == (3, True)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GREY,
        GREY.replace("\n", "\r\n"),
        GREY + "// no end of line",
        GREY + "/* /* a */ // */",
        "/*/ */" + GREY,
        GREY.replace("0.4", "/* @group(0) zx_ */0.4"),
        "const ä = 0.4;\n" + GREY.replace("0.4", "ä"),
        "@compute @workgroup_size(1) fn main() {}\n" + GREY,
        "diagnostic(off, derivative_uniformity);\n" + GREY,
        "const t = array<vec3<f32>, 2000>(" + "vec3<f32>(0.4, 0.4, 0.4), " * 2000 + ");\n" + GREY,
    ],
    ids=range(10),
)
def test_what_is_right_is_drawn(card, made, text):
    assert (drawn(card, made(text))[..., 0] == 102).all()


def test_the_compiler_writes_nothing_to_the_terminal(made, capfd, caplog):
    for wrong, _ in WRONG[:20]:
        error_of(made, MAIN.format(wrong))
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


# --- a file that changes ---


@pytest.fixture
def looking(monkeypatch):
    """Let every look be one."""
    monkeypatch.setattr("zerocross.gpu.user_shader._LOOK_S", 0.0)


def red(card, shader):
    return drawn(card, shader, 1, 1)[0, 0, 0]


def test_a_change_is_taken_and_an_error_keeps_the_last_good_one(card, made, looking):
    shader = made(GREY)
    path = shader.path
    assert shader.refresh() is None
    path.write_text(GREY.replace("0.4", "0.2"))
    assert shader.refresh() == ""
    assert shader.refresh() is None
    assert red(card, shader) == 51
    path.write_text(GREY.replace("0.4", "nope"))
    assert shader.refresh() == f"{path}:2: no definition in scope for identifier: `nope`"
    assert shader.refresh() is None, "told once"
    assert red(card, shader) == 51
    path.write_text(GREY.replace("0.4", "0.6"))
    assert shader.refresh() == ""
    assert red(card, shader) == 153


def test_a_file_that_goes_and_comes(card, made, looking, tmp_path):
    shader = made(GREY)
    path = shader.path
    for break_it, told in (
        (path.unlink, "no such file"),
        (path.mkdir, "directory"),
        (lambda: (path.rmdir(), path.write_bytes(b"")), "empty"),
        (lambda: path.write_bytes(b"\xff"), "UTF-8"),
        (lambda: path.write_bytes(b" " * (2 << 20)), "longer"),
        (lambda: (path.unlink(), os.mkfifo(path)), "FIFO"),
    ):
        break_it()
        words = shader.refresh()
        assert words is not None and told in words and words.isprintable(), told
        assert words.startswith(str(path))
        assert shader.refresh() is None
        assert red(card, shader) == 102
    path.unlink()
    aside = tmp_path / "aside"
    aside.write_text(GREY.replace("0.4", "0.8"))
    aside.rename(path)  # as editors save
    assert shader.refresh() == ""
    assert red(card, shader) == 204


def test_the_same_text_again_is_nothing_new(made, looking):
    shader = made(GREY)
    shader.path.write_text(GREY)
    os.utime(shader.path, (1e9, 1e9))
    assert shader.refresh() is None


def test_a_change_within_a_tick_of_the_clock_is_seen(card, made, looking):
    shader = made(GREY)
    stat = shader.path.stat()
    shader.path.write_text(GREY.replace("0.4", "0.2"))
    os.utime(shader.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert shader.refresh() == ""
    assert red(card, shader) == 51


def test_an_old_file_is_not_read_again(made, looking, monkeypatch):
    shader = made(GREY)
    os.utime(shader.path, (1e9, 1e9))
    assert shader.refresh() is None

    def refused(*_):
        raise AssertionError("read")

    monkeypatch.setattr("zerocross.gpu.user_shader.read_small", refused)
    assert shader.refresh() is None
    os.utime(shader.path, (1e9 + 1, 1e9 + 1))
    with pytest.raises(AssertionError):
        shader.refresh()


def test_looks_are_at_most_four_a_second(made, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("zerocross.gpu.user_shader.time.monotonic", lambda: clock[0])
    shader = made(GREY)
    shader.path.write_text(GREY.replace("0.4", "0.2"))
    clock[0] += 0.24
    assert shader.refresh() is None
    clock[0] += 0.02
    assert shader.refresh() == ""
    shader.path.write_text(GREY)
    clock[0] += 0.24
    assert shader.refresh() is None


@pytest.mark.parametrize("name", ["no.wgsl", "a\nb.wgsl", "nul\0"])
def test_a_file_that_is_not_there(card, audio, tmp_path, name):
    with pytest.raises(UserFileError) as told:
        UserShader(card, str(tmp_path) + "/" + name, audio.view)
    assert str(told.value).isprintable() and told.value.line == 0
    with pytest.raises(UserFileError, match="directory"):
        UserShader(card, tmp_path, audio.view)


# --- mutants of a good shader, and other processes ---

GOOD = """
struct Ray { from_: vec3<f32>, along: vec3<f32> }
const STEPS: i32 = 12;
fn field(p: vec3<f32>) -> f32 { return length(p) - 1.0 + 0.1 * sin(p.x * 9.0 + i_time); }
fn march(ray: Ray) -> f32 {
  var t = 0.0;
  for (var i = 0; i < STEPS; i++) { t += field(ray.from_ + ray.along * t); }
  return t;
}
fn shader_main(frag_coord: vec2<f32>) -> vec4<f32> {
  let uv = (2.0 * frag_coord - i_resolution.xy) / i_resolution.y;
  let wave = textureLoad(i_channel0, vec2<i32>(i32(frag_coord.x) % 512, 1), 0).x;
  let t = march(Ray(vec3<f32>(0.0, 0.0, -3.0), normalize(vec3<f32>(uv, 1.5))));
  return vec4<f32>(1.0 / t, wave, 0.5 * t, 1.0);
}
"""


def mutants(seed, count):
    rng = np.random.default_rng(seed)
    extra = [*"(){}[]<>;,.:@&*-+/\\\"'`#\0\x07\u2028\ud7ff\U0001f600", "/*", "*/", "//", "\n"]
    extra += [
        "loop {",
        "fn ",
        "var<private> ",
        "0x",
        "1e999",
        "i_time",
        "@group(9)",
        "vec4<",
        "switch ",
    ]
    for _ in range(count):
        text = GOOD
        for _ in range(rng.integers(1, 4)):
            a, b = sorted(rng.integers(0, len(text), 2))
            b = min(b, a + int(rng.integers(0, 40)))
            kind = rng.integers(0, 4)
            piece = extra[rng.integers(len(extra))] if kind < 2 else text[a:b] * int(kind == 2)
            text = text[:a] + piece + text[a if kind == 0 else b :]
        yield text


def refusal(made, text):
    """Return a shader and no error, or no shader and its error."""
    try:
        return made(text), None
    except UserFileError as error:
        return None, error


def check_mutants(card, made, seed, count):
    refused = 0
    for text in mutants(seed, count):
        shader, error = refusal(made, text)
        if error is None:
            assert (drawn(card, shader, 3, 2)[..., 3] == 255).all()
            continue
        refused += 1
        words = str(error).replace("begin with zx_", "")
        assert words.isprintable()
        assert "naga" not in words and "zx_" not in words, text
        assert 0 <= error.line <= text.count("\n") + 1
    assert 0 < refused < count


def test_mutants_are_drawn_or_refused(card, made):
    check_mutants(card, made, 7, 80)


@pytest.mark.thorough
def test_many_mutants_are_drawn_or_refused(card, made):
    check_mutants(card, made, 8, 2000)


def test_words_of_glsl_may_be_names(card, made):
    lines = "  var out = vec4<f32>(0.4);\n  var uniform_ = 1.0;\n  out.x = 0.4;\n  out\n  = out;\n  return out;"
    assert red(card, made(MAIN.format(lines))) == 102


def test_a_lost_card_is_told_by_an_error(tmp_path):
    """wgpu 0.32 has no `lost`: what is asked of a lost card raises, and another one can be opened."""
    import wgpu

    card = Card(software=True)
    path = tmp_path / "own.wgsl"
    path.write_text(GREY)
    audio = AudioTexture(card, RATE)
    shader = UserShader(card, path, audio.view)
    buffer = card.upload(np.zeros(4096, np.float32))
    card.device.destroy()
    with pytest.raises(wgpu.GPUError, match="lost"):
        audio.encode(None, buffer, 4096, 0.0)
    with pytest.raises(wgpu.GPUError, match="lost"):
        drawn_nowhere(card, shader, 4, 4)
    with pytest.raises(UserFileError, match="lost"):
        shader._take(GREY.encode())
    again = Card(software=True)
    assert red(again, UserShader(again, path, AudioTexture(again, RATE).view)) == 102
