"""The mutation tester itself, on a module of ten lines; the soak runs it on ours."""

from __future__ import annotations

import subprocess

import pytest

import mutate
from mutants import mutants_of

MODULE = '''"""Clips."""


def clip(value, low=0, high=10):
    """Return a value within limits."""
    if value < low:
        return low
    if value > high:
        return high
    return value
'''
TESTS = """
from small.clip import clip


def test_clip():
    assert [clip(x) for x in (-1, 0, 5, 10, 11)] == [0, 0, 5, 10, 10]
"""


@pytest.fixture
def small(tmp_path):
    root = tmp_path / "tree"
    (root / "src" / "small").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "src" / "small" / "clip.py").write_text(MODULE)
    (root / "tests" / "test_clip.py").write_text(TESTS)
    subprocess.run(["git", "init", "-q", root], check=True)
    return mutate.Project(root, "small", {"*": ("test_clip",)})


def of(module, operator, text, source=MODULE):
    found = [m for m in mutants_of(module, source) if m.operator == operator and text in m.text]
    return found[0]


def test_a_planted_mutant_is_killed_and_an_equivalent_one_survives(small, tmp_path):
    """At the limit itself, ``<`` and ``<=`` clip to the same."""
    killed, same = of("clip.py", "default", "high=10"), of("clip.py", "comparison", "value < low")
    folder = tmp_path / "results"
    campaign = mutate.Campaign(small, folder)
    rows = dict(campaign.run([killed, same]))
    assert rows[killed]["status"] == "killed"
    assert rows[killed]["by"] == "tests/test_clip.py::test_clip"
    assert rows[same]["status"] == "survived"
    assert same.diff == "-    if value < low:\n+    if value <= low:"
    assert mutate.summary(list(rows.values())).startswith("1 of 2 killed (50.0%)")
    assert (small.source / "clip.py").read_text() == MODULE, "only the copy was changed"


def test_results_are_kept_until_the_module_or_the_tests_change(small, tmp_path, monkeypatch):
    killed, same = of("clip.py", "default", "high=10"), of("clip.py", "comparison", "value < low")
    ran = []

    def run(_self, _tests, _limit, mutant):
        ran.append(mutant)
        return mutate.Outcome("killed" if mutant is killed else "survived", "", 0.0)

    monkeypatch.setattr(mutate.Copy, "run", run)

    def again():
        ran.clear()
        rows = list(mutate.Campaign(small, tmp_path / "results").run([killed, same]))
        assert {mutant for mutant, _ in rows} == {killed, same}
        return [mutant for mutant in ran if mutant is not None]

    assert again() == [killed, same]
    assert again() == []
    (small.root / "tests" / "test_clip.py").write_text(TESTS + "\n")
    assert again() == [same], "better tests may kill what survived"
    (small.source / "clip.py").write_text(MODULE + "\n")
    assert again() == [killed, same]


@pytest.mark.thorough
def test_a_mutant_that_never_ends_is_killed(small, tmp_path):
    campaign = mutate.Campaign(small, tmp_path / "results")
    source = MODULE.replace("    if value < low", "    while True: pass\n    if value < low")
    endless = of("clip.py", "default", "high=10", source)
    copy = mutate.Copy(small, tmp_path / "copy", campaign.folder / "cache")
    assert copy.run(("tests/test_clip.py",), 3.0, endless).status == "timed out"
    one = ("tests/test_clip.py", "--timeout=1", "--timeout-method=thread")
    assert copy.run(one, 60.0, endless).status == "timed out"


def test_tests_that_fail_without_a_mutant_are_told(small, tmp_path):
    (small.root / "tests" / "test_clip.py").write_text("def test_no():\n    assert False\n")
    campaign = mutate.Campaign(small, tmp_path / "results")
    with pytest.raises(SystemExit, match="killed without a mutant: tests/test_clip"):
        list(campaign.run([of("clip.py", "default", "high=10")]))


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("x = a <= b", ["comparison a < b"]),
        ("x = a + b", ["arithmetic (a - b)"]),
        ("x = a and b", ["logic (a or b)"]),
        ("x = not a", ["logic (a)"]),
        ("x = True", ["constant False"]),
        ("x = 2.0", ["constant (2.0 + 1)", "constant (2.0 - 1)"]),
        ("def f(a=None): pass", ["default 0"]),
        ("def f(a='x'): pass", ["default 'xx'"]),
        ("def f(): return g(a)", ["result 0", "result None"]),
        ("def f(): return a", ["result 0", "result None"]),
        ("def f(): return None", []),
        ("r.x = a", ["left out pass"]),
        ("raise E", ["left out pass"]),
        ("x += a", ["left out pass", "arithmetic x -= a"]),
        ("store_release(r, 'n', a)", ["order r.n = a", "left out pass"]),
        ("x = load_acquire(r, 'n')", ["order r.n"]),
        ("'a docstring'", []),
        ("x: Literal[1] = a", []),
        ("x = f'{a + 1}'", []),
        ("__all__ = ['a'] + [1]", []),
        ("é = 1 + b", ["arithmetic (1 - b)", "constant (1 + 1)", "constant (1 - 1)"]),
    ],
)
def test_what_is_changed(line, changes):
    found = mutants_of("m.py", line)
    assert [f"{m.operator} {m.change.rpartition(' -> ')[2]}" for m in found] == changes
    assert len({m.key for m in found}) == len(found)


def test_the_same_seed_draws_the_same_and_what_is_set_aside_is_not_drawn(small):
    first = mutate.draw(small, ["clip.py"], 3, 5)
    assert len(first) == 5
    assert first == mutate.draw(small, ["clip.py"], 3, 5)
    assert first != mutate.draw(small, ["clip.py"], 4, 5)
    aside = mutate.Project(
        small.root, "small", small.tests, ({"module": "*", "text": "value <", "why": "so"},)
    )
    every = mutate.draw(aside, ["clip.py"], 1, 1000)
    assert every and not any("value <" in mutant.text for mutant in every)


def test_every_module_has_tests_and_every_rule_still_fits():
    project = mutate.this_project()
    found = []
    for module in project.modules([]):
        for name in project.tests_of(module, orders=True):
            assert (mutate.ROOT / name).is_file(), f"{module}: {name}"
        found += mutants_of(module, (project.source / module).read_text())
    for rule in project.equivalent:
        alone = mutate.Project(project.root, project.package, project.tests, (rule,))
        assert any(map(alone.why_equivalent, found)), f"no mutant is set aside by {rule}"
        assert len(rule["why"]) > 10
    with pytest.raises(SystemExit, match="no module nothing"):
        project.modules(["nothing"])


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_nine_of_ten_mutants_are_killed():
    """200 of the whole package, drawn by a seed; begun again, it goes on where it stopped."""
    project = mutate.this_project()
    mutants = mutate.draw(project, project.modules([]), 1, 200)
    campaign = mutate.Campaign(project, mutate.ROOT / ".mutation", jobs=2, minutes=60)
    rows = []
    for mutant, row in campaign.run(mutants):
        rows.append(row)
        if row["status"] == "survived":
            print(row["place"], row["operator"], mutant.diff, sep="\n")
    print(mutate.summary(rows))
    assert len(rows) == len(mutants), "an hour was not enough: run it again to go on"
    assert sum(row["status"] != "survived" for row in rows) >= 0.9 * len(rows)
