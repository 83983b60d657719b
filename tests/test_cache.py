"""The cache of compiled code: every edit compiles again, every tampering is refused."""

import contextlib
import errno
import json
import os
import pickle
import pkgutil
import re
import resource
import socket
import subprocess
import sys
import textwrap
import threading
import types
from pathlib import Path

import numpy as np
import pytest

import cache_cases
import zerocross
from zerocross.compiler import cache, cache_file, entry, kernel, target
from zerocross.compiler.beside import compiled_beside
from zerocross.compiler.content import content_of
from zerocross.compiler.kernel import Kernel
from zerocross.compiler.primitives.assembly import assembly
from zerocross.compiler.primitives.primitive import primitive
from zerocross.errors import CacheWarning
from zerocross.graph import block
from zerocross.graph.block import Block
from zerocross.graph.build import _make_entry
from zerocross.graph.chain import Chain
from zerocross.graph.decorator import processor
from zerocross.memory.arena import arena_take
from zerocross.memory.record import shared_load, shared_store

KEY, OTHER = "ab" * 32, "cd" * 32
FACTS, CODE = {"calls": ["expf"]}, bytes(range(256)) * 20


def run(folder, store, *arguments, **options):
    """Run a folder's main.py with a cache; returns the process."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(Path(zerocross.__file__).parents[1])]),
        "ZEROCROSS_CACHE_DIR": str(store),
        **options.pop("env", {}),
    }
    command = [sys.executable, str(folder / "main.py"), *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=100,
        **options,
    )


def answers(*arguments, **options):
    done = run(*arguments, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What the cases return at first, from the cache, and after every edit; with one cache."""
    folder = tmp_path_factory.mktemp("cases")
    cache_cases.write(folder / "first")
    cache_cases.write(folder / "moved")
    cache_cases.write(folder / "edited", edited=True)
    store = folder / "store"
    return {
        "store": store,
        "folder": folder / "moved",
        "first": answers(folder / "first", store, env={"PYTHONHASHSEED": "1"}),
        "warm": answers(folder / "moved", store, "without intrinsic", env={"PYTHONHASHSEED": "2"}),
        "edited": answers(folder / "edited", store),
    }


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """Give the test a cache of its own, in which no trouble was told yet; returns its folder."""
    monkeypatch.setenv("ZEROCROSS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_told", set())
    monkeypatch.setattr(cache, "_pruned", set())
    return tmp_path / "cache" / "code"


# --- keys: what was edited is compiled again ----------------------------------------------------


@pytest.mark.parametrize("name", cache_cases.EDITED)
def test_an_edit_is_heard(runs, name):
    *_, before, after = cache_cases.EDITED[name]
    assert runs["first"][name] == before
    assert runs["edited"][name] == after


def test_what_was_not_edited_is_found_again(runs):
    """In another process, from another folder, with another seed of hashes."""
    assert runs["warm"] == {
        **{name: value for name, value in runs["first"].items() if name != "intrinsic"},
        "numba": False,
    }


def key(function):
    return cache.content_key(function)


def test_everything_that_the_package_compiles_can_be_stored():
    found = {}
    for module in pkgutil.walk_packages(zerocross.__path__, "zerocross."):
        if not re.search(r"lab|cli|windows|macos|__main__|terminal|web|gpu", module.name):
            for name, value in vars(__import__(module.name, fromlist=["_"])).items():
                if isinstance(value, Kernel):
                    found[f"{module.name}.{name}"] = value.function
                elif isinstance(getattr(value, "kernel", None), Kernel):
                    found[f"{module.name}.{name}"] = value.kernel.function
    assert len(found) > 100
    assert [name for name, function in found.items() if key(function) is None] == []


SCALE = 1.0


def scaled(x):
    return x * SCALE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        (1.0, 1.0 + 2**-52),
        (np.int32(5), np.int64(5)),
        (np.float32(np.nan), np.float64(np.nan)),
        ("1", b"1"),
        ((1, (2, 3)), ((1, 2), 3)),
        (("a", "bc"), ("ab", "c")),
        ((1, 2), [1, 2]),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        (np.zeros(4, np.float32), np.zeros(2, np.float64)),
        (np.zeros(4, "<f4"), np.zeros(4, ">f4")),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros((2, 2)), np.zeros((2, 2), order="F")),
        (np.zeros(8)[::2], np.zeros(4)),
        (np.arange(5000), np.where(np.arange(5000) == 2500, 7, np.arange(5000))),
        (np.dtype([("a", "f4"), ("b", "f4")]), np.dtype([("b", "f4"), ("a", "f4")])),
        (np.dtype("f4,i4"), np.dtype("f4,i4", align=True)),
        (np.dtype(("f4", (2, 3))), np.dtype(("f4", (3, 2)))),
        (np.float32, np.float64),
        (np.sin, np.cos),
        (ValueError, TypeError),
        (range(3), range(4)),
        ({1, 2}, {1, 3}),
        (3j, -3j),
    ],
)
def test_values_that_differ_have_keys_that_differ(monkeypatch, one, other):
    keys = []
    for value in (one, other, one):
        monkeypatch.setitem(globals(), "SCALE", value)
        keys.append(key(scaled))
    assert keys[0] == keys[2] is not None
    assert keys[0] != keys[1] is not None


def test_not_a_number_is_equal_to_itself(monkeypatch):
    monkeypatch.setitem(globals(), "SCALE", float("nan"))
    assert key(scaled) == key(scaled)


def hands_a_module_on():
    return json


def imports():
    import math

    return math.pi


def test_what_cannot_be_hashed_has_no_key(monkeypatch):
    for value in (object(), types, len.__call__, lambda: 1, np.array([object()]), print_later()):
        monkeypatch.setitem(globals(), "SCALE", value)
        assert key(scaled) is None, value
    assert key(hands_a_module_on) is None
    assert key(imports) is None


def print_later():
    yield


def test_a_value_that_holds_itself_ends(monkeypatch):
    deep = [1]
    deep.append(deep)
    monkeypatch.setitem(globals(), "SCALE", deep)
    assert key(scaled) is not None
    for _ in range(100_000):
        deep = [deep]
    monkeypatch.setitem(globals(), "SCALE", deep)
    assert key(scaled) is None


def test_names_in_functions_inside_count(monkeypatch):
    def around(x):
        return [SCALE * item for item in x]

    before = key(around)
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    assert key(around) != before


def test_long_functions_are_read_to_their_end(monkeypatch):
    """Behind so many names that an argument takes two bytes and more."""
    lines = [f"    x = x + unused_{k} if x else y.field_{k}" for k in range(400)]
    text = "\n".join(["def long(x, y):", *lines, "    return settings.GAIN + x"])
    settings = types.ModuleType("settings")
    settings.GAIN = 1
    scope = {"settings": settings}
    exec(text, scope)
    before = key(scope["long"])
    settings.GAIN = 2
    assert None is not key(scope["long"]) != before


def made_primitive(template="nop", arguments="l"):
    @assembly({"x86_64": (template, "r")}, arguments)
    def operation(x):
        return None

    return operation


def test_primitives_of_one_name_are_not_one(monkeypatch):
    keys = set()
    for made in (made_primitive(), made_primitive("pause"), made_primitive("nop", "d")):
        monkeypatch.setitem(globals(), "SCALE", made)
        keys.add(key(scaled))
    assert len(keys) == 3
    monkeypatch.setitem(globals(), "SCALE", primitive(lambda x: x))
    assert key(scaled) is None  # its lowering may be anything


def test_the_methods_of_a_block_are_part_of_a_key(monkeypatch):
    made = _make_entry("x", kernel(scaled), np.dtype("f8"), 1, False, Block)
    before = made.key(target.active())
    for one in (block._scratch, block._scratch_rows, arena_take):
        with monkeypatch.context() as patch:
            patch.setattr(one, "function", lambda *_: 0)
            assert made.key(target.active()) != before, one
    assert made.key(target.active()) == before is not None


@kernel
def shaped(x):
    return x * 2


@processor
class Shaper:
    def process(self, block):
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = shaped(block.input[c, i])


def test_a_kernel_that_was_defined_anew_is_heard(monkeypatch):
    """As in a notebook, where the processor's own cell is not run again."""
    signal = np.ones((4, 1), np.float32)
    assert Chain(Shaper()).render(signal, 48_000)[0, 0] == 2
    monkeypatch.setitem(globals(), "shaped", kernel(lambda x: x * 3))
    assert Chain(Shaper()).render(signal, 48_000)[0, 0] == 3


@kernel
def stepped(x):
    return x + settings.GAIN


def calls_stepped(x):
    return stepped(x)


settings = None  # a module that the test makes


def test_a_value_that_changes_in_one_process_is_taken_anew(monkeypatch, fresh):
    """Code of an older value must not be stored under the key of the newer one."""
    module = types.ModuleType("settings")
    monkeypatch.setitem(globals(), "settings", module)
    found = []
    for module.GAIN in (1, 2, 1, 2):
        found.append(entry("int64")(calls_stepped)(0))
    assert found == [1, 2, 1, 2]
    assert len(list(fresh.iterdir())) == 2


def test_a_value_that_changes_while_it_compiles_is_not_stored(monkeypatch, fresh):
    module = types.ModuleType("settings")
    module.GAIN = 1
    monkeypatch.setitem(globals(), "settings", module)
    made = entry("int64")(calls_stepped)
    emit = target.emit

    def slowly(*arguments):
        module.GAIN = 7
        return emit(*arguments)

    monkeypatch.setattr(target, "emit", slowly)
    assert made(0) == 1
    assert not fresh.exists() or list(fresh.iterdir()) == []


def test_numbas_settings_are_part_of_a_key(monkeypatch, tmp_path):
    before = key(scaled)
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    assert key(scaled) != before
    monkeypatch.delenv("NUMBA_BOUNDSCHECK")
    monkeypatch.chdir(tmp_path)
    assert key(scaled) == before
    (tmp_path / ".numba_config.yaml").write_text("boundscheck: 1")
    assert key(scaled) != before


def test_arguments_of_host_kernels_are_told_by_content(fresh):
    """Numba names a named tuple's type by the class's name and the fields' types alone."""
    from collections import namedtuple

    @kernel
    def left(pair):
        return pair.left

    for fields, value in (("left right", 1), ("right left", 2)):
        made = namedtuple("Pair", fields)  # noqa: PYI024
        made.__module__ = "settings"
        again = Kernel(left.function)  # as another process has it
        assert again(made(1, 2)) == value
    assert len(list(fresh.iterdir())) == 2


# --- files: nothing is taken on trust -----------------------------------------------------------


def entry_file(folder):
    (found,) = folder.glob("*.zxc")
    return found


def damaged(position):
    def damage(path):
        data = bytearray(path.read_bytes())
        data[position] ^= 0x40
        path.write_bytes(data)

    return damage


def cut(size):
    return lambda path: path.write_bytes(path.read_bytes()[:size])


def replaced(make):
    def replace(path):
        path.unlink()
        make(path)

    return replace


def as_link(path):
    path.rename(path.parent / "real")
    path.symlink_to("real")


def sparse(path):
    with open(path, "wb") as file:
        file.truncate(4 << 30)


def listen(path):
    made = socket.socket(socket.AF_UNIX)
    with contextlib.chdir(path.parent):
        made.bind("s")
        os.rename("s", path.name)
    made.close()


TAMPERINGS = {
    "magic": (damaged(0), "not a file of this cache"),
    "version": (damaged(8), "not a file of this cache"),
    "key": (damaged(20), "SHA-256"),
    "length of facts": (damaged(44), "longer than it says"),
    "length of code": (damaged(59), "longer than it says"),
    "facts": (damaged(64), "SHA-256"),
    "code": (damaged(1000), "SHA-256"),
    "digest": (damaged(-1), "SHA-256"),
    "empty": (cut(0), "cut short"),
    "in the header": (cut(40), "cut short"),
    "in the code": (cut(900), "cut short"),
    "by a byte": (cut(-1), "cut short"),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "longer"),
    "twice": (lambda path: path.write_bytes(path.read_bytes() * 2), "longer"),
    "object code": (lambda path: path.write_bytes(b"\x7fELF" * 300), "not a file of this cache"),
    "sparse": (sparse, "too large"),
    "link": (as_link, "symbolic link"),
    "endless link": (replaced(lambda path: path.symlink_to("/dev/zero")), "symbolic link"),
    "pipe": (replaced(os.mkfifo), "plain file"),
    "socket": (replaced(listen), r"\.zxc: "),
    "folder": (replaced(os.mkdir), "plain file"),
    "mode": (lambda path: path.chmod(0o620), "writable by others"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_refused_with_a_line(fresh, name):
    tamper, reason = TAMPERINGS[name]
    cache.store(KEY, FACTS, CODE)
    path = entry_file(fresh)
    tamper(path)
    with pytest.warns(CacheWarning, match=reason) as told:
        assert cache.load(KEY) is None
    assert str(path) in str(told[0].message)
    assert "\n" not in str(told[0].message)
    if name != "folder":
        assert not os.path.lexists(path)
        assert cache.load(KEY) is None  # told once
        cache.store(KEY, FACTS, CODE)
        assert cache.load(KEY) == (FACTS, CODE)


def test_another_entrys_file_is_refused(fresh):
    cache.store(KEY, FACTS, CODE)
    os.rename(entry_file(fresh), fresh / entry_file(fresh).name.replace(KEY, OTHER))
    with pytest.warns(CacheWarning, match="another function"):
        assert cache.load(OTHER) is None


def test_another_users_file_or_folder_is_refused(fresh, monkeypatch):
    cache.store(KEY, FACTS, CODE)
    mine = os.geteuid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: mine + 1)
        with pytest.warns(CacheWarning, match="belongs to another user"):
            assert cache.load(KEY) is None
    real, folders = os.fstat, []

    def fstat(fd):
        found = real(fd)
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            folders.append(fd)
            return found
        return os.stat_result((*found[:4], mine + 1, *found[5:]))

    monkeypatch.setattr(os, "fstat", fstat)
    monkeypatch.setattr(cache, "_told", set())
    with pytest.warns(CacheWarning, match=r"\.zxc: belongs to another user"):
        assert cache.load(KEY) is None
    assert folders


def test_a_link_in_place_of_the_folder_is_refused(fresh, tmp_path):
    cache.store(KEY, FACTS, CODE)
    fresh.rename(tmp_path / "elsewhere")
    fresh.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(CacheWarning, match="compiled code is not kept"):
        assert cache.load(KEY) is None


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_the_folder_is_the_users_alone(fresh, umask):
    before = os.umask(umask)
    try:
        cache.store(KEY, FACTS, CODE)
    finally:
        os.umask(before)
    assert fresh.stat().st_mode & 0o777 == 0o700
    assert entry_file(fresh).stat().st_mode & 0o777 == 0o600
    fresh.chmod(0o777)
    assert cache.load(KEY) == (FACTS, CODE)
    assert fresh.stat().st_mode & 0o777 == 0o700


def test_a_hard_link_is_as_good_and_is_never_written_to(fresh, tmp_path):
    cache.store(KEY, FACTS, CODE)
    path, other = entry_file(fresh), tmp_path / "copy"
    os.link(path, other)
    assert cache.load(KEY) == (FACTS, CODE)
    cache.store(KEY, FACTS, CODE[::-1])
    assert cache_file.unpack(other.read_bytes(), KEY).code == CODE
    assert cache.load(KEY).code == CODE[::-1]


def test_what_is_written_is_on_the_disk_before_it_has_its_name(fresh, monkeypatch):
    steps = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, _r=real, _n=name, **k: (steps.append(_n), _r(*a, **k))[1]
        )
    cache.store(KEY, FACTS, CODE)
    assert steps == ["fsync", "replace"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_costs_time_only(fresh, monkeypatch, step):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.warns(CacheWarning, match="no space left on device; .*compiled code is not kept"):
        cache.store(KEY, FACTS, CODE)
    cache.store(KEY, FACTS, CODE)  # told once
    assert list(fresh.iterdir()) == []


def test_two_writers_and_readers_never_see_half_an_entry(fresh):
    stop, seen = threading.Event(), []

    def write():
        while not stop.is_set():
            cache.store(KEY, FACTS, CODE)

    cache.store(KEY, FACTS, CODE)
    writers = [threading.Thread(target=write) for _ in range(2)]
    for thread in writers:
        thread.start()
    seen = [cache.load(KEY) for _ in range(300)]
    stop.set()
    for thread in writers:
        thread.join()
    assert all(found == (FACTS, CODE) for found in seen)
    assert len(list(fresh.iterdir())) == 1


def aged(path, days):
    then = path.stat().st_mtime - days * 86_400
    os.utime(path, (then, then))


def test_old_versions_are_pruned_and_nothing_else(fresh, monkeypatch):
    cache.store(KEY, FACTS, CODE)
    mine = entry_file(fresh)
    names = {
        "old": f"{'0' * 16}-{KEY}.zxc",
        "recent": f"{'0' * 16}-{OTHER}.zxc",
        "unfinished": f"{'1' * 32}.part",
        "first format": f"{KEY}.o",
        "of the user": "notes.zxc",
    }
    for name in names.values():
        (fresh / name).write_bytes(b"x")
    for path in fresh.iterdir():
        aged(path, 0 if path.name == names["recent"] else 40)
    monkeypatch.setattr(cache, "_pruned", set())
    cache.store(OTHER, FACTS, CODE)
    left = {path.name for path in fresh.iterdir()}
    assert left == {mine.name, mine.name.replace(KEY, OTHER), names["recent"], names["of the user"]}


@pytest.mark.parametrize("limit", ["_MOST_FILES", "_MOST_OF_ALL"])
def test_the_oldest_go_where_there_are_too_many(fresh, monkeypatch, limit):
    keys = [f"{k:064x}" for k in range(6)]
    for k, name in enumerate(keys):
        cache.store(name, FACTS, CODE)
        aged(fresh / cache._name(name), 10 - k)
    size = (fresh / cache._name(keys[0])).stat().st_size
    monkeypatch.setattr(cache, limit, 3 if limit == "_MOST_FILES" else 3 * size)
    monkeypatch.setattr(cache, "_pruned", set())
    cache.store(KEY, FACTS, CODE)
    assert [name for name in keys if cache.load(name)] == keys[-2:]
    assert cache.load(KEY)


# --- whole programs -----------------------------------------------------------------------------


def test_a_warm_start_survives_whatever_the_files_are(runs, tmp_path):
    """Half of the files cut, the others something that runs when it is unpickled."""

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "foreign code ran"),)

    store = tmp_path / "store"
    for k, path in enumerate(sorted(runs["store"].rglob("*.*"))):
        copy = store / path.relative_to(runs["store"])
        copy.parent.mkdir(exist_ok=True, parents=True)
        data = path.read_bytes()
        copy.write_bytes(data[:-300] if k % 2 else pickle.dumps(Bomb()))
    done = run(runs["folder"], store, "without intrinsic")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) | {"numba": False} == runs["warm"]
    assert not (tmp_path / "foreign code ran").exists()
    assert done.stderr.count("CacheWarning") == 1


PLAIN = """
import resource, sys
from zerocross.memory.record import shared_load
import numpy as np
if "small" in sys.argv:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
cell = np.array([41], np.int64)
print(shared_load(cell.ctypes.data))
"""


@pytest.mark.parametrize("trouble", ["full", "file", "read-only", "no home"])
def test_a_world_that_fails_costs_time_and_a_line(tmp_path, trouble):
    assert resource.RLIMIT_FSIZE
    script = textwrap.dedent(PLAIN)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ZEROCROSS", "XDG"))}
    if trouble == "no home":  # neither in the environment nor known to the system
        del environment["HOME"]
        script = "import os; os.path.expanduser = lambda path: path\n" + script
    else:
        place = {"full": tmp_path / "x", "file": tmp_path / "file", "read-only": "/proc/nothing"}
        (tmp_path / "file").write_text("in the way")
        environment["ZEROCROSS_CACHE_DIR"] = str(place[trouble])
    command = [sys.executable, "-c", script, "small" if trouble == "full" else ""]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "41\n"), done.stderr
    assert done.stderr.count("compiled code is not kept") == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"file", "x"}


def test_an_entry_is_one_file(runs):
    """14 entries, of which one cannot be stored; and 13 after the edits."""
    assert len([path for path in runs["store"].rglob("*") if path.is_file()]) == 2 * 13


def test_the_command_line_tells_a_warning_as_a_line(capsys, monkeypatch):
    from zerocross.cli.main import run as command_line

    def trouble():
        cache._tell("file", "x.zxc: cut short")
        return []

    monkeypatch.setattr(cache, "_told", set())
    monkeypatch.setattr(cache, "inventory", trouble)
    with pytest.warns(CacheWarning):
        cache._tell("other", "outside it is a warning")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert command_line(["cache"]) == 0
    assert capsys.readouterr().err == "warning: x.zxc: cut short\n"


# --- the command --------------------------------------------------------------------------------


def test_the_command_shows_and_clears(cli, tmp_path, fresh):
    environment = {**os.environ, "ZEROCROSS_CACHE_DIR": str(fresh.parent)}

    def told(*arguments):
        done = cli("cache", *arguments, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    nothing = json.loads(told("--json"))
    assert (nothing["files"], nothing["folder"]) == (0, str(fresh))
    cache.store(KEY, FACTS, CODE)
    (fresh / f"{'0' * 16}-{KEY}.zxc").write_bytes(b"12345")
    (fresh / "notes.txt").write_text("the user's")
    (fresh.parent / "demo-1.flac").write_text("music")
    aged(entry_file_of(fresh, KEY), 3)
    found = json.loads(told("--json"))
    assert (found["files"], found["stale_files"], found["stale_bytes"]) == (2, 1, 5)
    assert found["oldest_s"] == pytest.approx(3 * 86_400, abs=600)
    shown = told()
    assert str(fresh) in shown
    assert "the oldest 3 days old" in shown
    assert "removed 2 files" in told("--clear")
    left = {path.name for path in fresh.parent.rglob("*")}
    assert left == {"code", "notes.txt", "demo-1.flac"}


def entry_file_of(folder, key):
    return folder / cache._name(key)


def test_the_command_says_what_is_in_the_way(cli, tmp_path):
    (tmp_path / "file").write_text("")
    environment = {**os.environ, "ZEROCROSS_CACHE_DIR": str(tmp_path / "file")}
    done = cli("cache", env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.count(b"\n") == 1
    assert b"ZEROCROSS_CACHE_DIR" in done.stderr


# --- soak ---------------------------------------------------------------------------------------


def mutated(data, rng):
    """Return a file's bytes with one to eight bits flipped, or cut, or with a part moved."""
    kind, found = rng.integers(4), bytearray(data)
    if kind == 0:
        return bytes(found[: rng.integers(len(found))])
    if kind == 1:
        start, stop = sorted(rng.integers(len(found), size=2))
        del found[start:stop]
        return bytes(found)
    if kind == 2:
        start, size = rng.integers(len(found) - 16), rng.integers(1, 16)
        found[start : start + size] = rng.bytes(size)
        return bytes(found)
    for bit in rng.integers(8 * len(found), size=rng.integers(1, 9)):
        found[bit // 8] ^= 1 << bit % 8
    return bytes(found)


def soak(fresh, runs, rounds):
    rng = np.random.default_rng(11)
    files = sorted(runs["store"].rglob("*.zxc"))
    cache.store(KEY, FACTS, CODE)
    cache._told.update({"file", "folder"})
    refused = 0
    for k in range(rounds):
        original = files[k % len(files)]
        key = original.stem.partition("-")[2]
        data = original.read_bytes()
        changed = mutated(data, rng)
        (fresh / original.name).write_bytes(changed)
        found = cache.load(key)
        assert (found is None) == (changed != data)
        refused += found is None
    return refused


def test_flips_and_truncations_are_refused(fresh, runs):
    assert soak(fresh, runs, 300) > 290


@pytest.mark.soak
def test_flips_and_truncations_are_refused_for_long(fresh, runs):
    assert soak(fresh, runs, 10_000) > 9_900


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_programs_survive_random_damage(runs, tmp_path):
    rng = np.random.default_rng(12)
    for k in range(40):
        store = tmp_path / str(k)
        for path in sorted(runs["store"].rglob("*.zxc")):
            copy = store / path.relative_to(runs["store"])
            copy.parent.mkdir(exist_ok=True, parents=True)
            copy.write_bytes(
                mutated(path.read_bytes(), rng) if rng.random() < 0.2 else path.read_bytes()
            )
        done = run(runs["folder"], store, "without intrinsic")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) | {"numba": False} == runs["warm"]


def test_content_within_a_process_tells_opaque_objects_apart(monkeypatch):
    found = []
    first, second = object(), object()
    for value in (first, second, first):
        monkeypatch.setitem(globals(), "SCALE", value)
        found.append(content_of(scaled))
    assert found[0].digest == found[2].digest != found[1].digest
    assert first in found[0].opaque


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO])
def test_a_file_is_kept_that_could_not_be_read_for_now(tmp_path, monkeypatch, number):
    monkeypatch.setenv("ZEROCROSS_CACHE_DIR", str(tmp_path))
    key = "0" * 64
    cache.store(key, {}, b"code")
    (kept,) = (tmp_path / "code").iterdir()

    def read(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cache, "_told", set())
    with monkeypatch.context() as patch:
        patch.setattr(cache_file.Folder, "read", read)
        with pytest.warns(CacheWarning, match="compiling in memory"):
            assert cache.load(key) is None
    assert kept.exists() and cache.load(key).code == b"code"


WAVE = np.arange(5.0)


@entry("int64")
def method_of_a_table(x):
    return x + np.int64(WAVE.sum())


@entry("int64")
def plain_tuple(x):
    return x + len(tuple((1, 2)))  # noqa: C409  the name is what is read


@pytest.mark.parametrize("made", [method_of_a_table, plain_tuple], ids=str)
def test_what_is_named_in_the_common_ways_is_kept(made):
    assert made.key(target.active()) is not None


# --- compiled by another process ------------------------------------------------------------------


@pytest.fixture
def two(tmp_path, monkeypatch):
    """Return two entries, an empty cache and two processors."""
    monkeypatch.setenv("ZEROCROSS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    level = target.active().name
    return [each.at(level) for each in (shared_load, shared_store)]


def test_another_process_compiles_into_the_cache(two):
    assert not any(each.is_stored for each in two)
    with compiled_beside(two) as beside:
        assert list(beside) == [each.name for each in two]
    stored = [cache.load(each.key(target.active())) for each in (shared_load, shared_store)]
    assert all(stored)


def test_a_process_beside_that_fails_costs_time_only(two, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with compiled_beside(two) as beside:
        assert list(beside) == []
    assert all(each.address for each in two)


def test_nothing_is_started_for_nothing_or_on_one_processor(two, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    with compiled_beside([]) as beside:
        assert list(beside) == []
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with compiled_beside(two) as beside:
        assert list(beside) == []


def test_a_process_beside_ends_when_it_is_not_waited_for(two, monkeypatch):
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *a, **o: started.append(popen(*a, **o)) or started[-1]
    )
    with pytest.raises(KeyboardInterrupt), compiled_beside(two):
        raise KeyboardInterrupt
    assert started[0].returncode is not None
