"""Text to tree: which scalars mean what, and what no document may hold, in YAML and JSON."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from virtgraph.model.wanted import Problem
from virtgraph.spec import Invalid, parse


def short(value: object) -> str:
    return str(value)[:24]


def problem(text: str) -> Problem:
    with pytest.raises(Invalid) as refused:
        parse(text)
    (one,) = refused.value.problems
    return one


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("0", 0),
        ("-12", -12),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("0100", "0100"),
        ("525400123456", 525400123456),
        ("52:54:00:11:22:33", "52:54:00:11:22:33"),
        ("12:30", "12:30"),
        ("52540012e456", "52540012e456"),
        ("1e3", "1e3"),
        ("1.5", 1.5),
        ("192.168.0.1", "192.168.0.1"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ('"1"', "1"),
        ("'true'", "true"),
        ("=", "="),
        ("9" * 5000, "9" * 5000),
        ("'{{ lookup(x) }}'", "{{ lookup(x) }}"),
    ],
    ids=short,
)
def test_scalars_of_the_core_schema(written: str, meant: Any) -> None:
    got = parse(f"a: {written}").tree["a"]
    assert got == meant
    assert type(got) is type(meant)


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("", "", "empty"),
        ("# only a comment", "", "empty"),
        ("- a", "", "must be a mapping"),
        ("just words", "", "must be a mapping"),
        ("[1, 2]", "", "must be a mapping"),
        ("a: ]", "", "line 1, column 4"),
        ("a: b: c", "", "line 1, column 5"),
        ("a:\n\t- b", "", "line 2, column 1"),
        ("a: 1\n---\nb: 2", "", "second YAML document"),
        ("a: 1\na: 2", "a", "given twice"),
        ("a:\n  - b: 1\n    b: 2", "a[0].b", "given twice"),
        ('{"a": {"b c": 1, "b c": 2}}', 'a["b c"]', "given twice"),
        ("a: !!python/object:os.system x", "a", "tags"),
        ("a: !!str 1", "a", "tags"),
        ("a: !vault x", "a", "tags"),
        ("a: ! x", "a", "tags"),
        ("a: !!map {b: 1}", "a", "tags"),
        ("a: &x 1\nb: *x", "a", "anchors"),
        ("a: &x [1]", "a", "anchors"),
        ("a: *x", "a", "aliases"),
        ("a: {<<: {b: 1}}", 'a["<<"]', "merge keys"),
        ("a:\n  1: b", "a", "has the key 1"),
        ("a: {true: b}", "a", "has the key true"),
        ("a: {null: b}", "a", "has the key null"),
        ("? [a]\n: b", "", "a key must be a string"),
        ("a: {{ b }}", "a", "a key must be a string"),
        ("a: {__ansible_vault: b}", "a.__ansible_vault", "__ansible"),
        ('{"a": [{"__ansible_unsafe": "b"}]}', "a[0].__ansible_unsafe", "__ansible"),
        ("a: \x07", "", "U+0007"),
        ("a: b\nc: \ud800", "", "line 2, column 4: the character U+D800"),
        ("a: \u2028", "", "U+2028"),
        ('a: "\\x07"', "a", "control characters"),
        ('a: ["\\0"]', "a[0]", "control characters"),
        ('{"a": "\\ud800"}', "a", "control characters"),
        ('{"a": {"b\\n": 1}}', "a", "a key with control characters"),
        ('{"a": {"' + "k" * 256 + '": 1}}', "a", "more than 255"),
        ('{"a": NaN}', "", "NaN"),
        ('{"a": -Infinity}', "", "-Infinity"),
        ('{"a": 1e999}', "", "too large"),
        ('{"a": ' + "9" * 5000 + "}", "", "more than 20 digits"),
        ('{"a": 1', "", "not JSON (line 1, column 8"),
        ('{"a": 1}}', "", "not JSON"),
        ("a: [" + "[]," * 600_000 + "]", "", "more than 500000 values"),
    ],
    ids=short,
)
def test_refusals(text: str, path: str, reason: str) -> None:
    found = problem(text)
    assert (found.path, reason in found.reason) == (path, True), found


@pytest.mark.parametrize("text", ["[" * 10_000, '{"a":' * 10_000, "- " * 10_000, "{a: " * 10_000], ids=short)
def test_ten_thousand_levels(text: str) -> None:
    assert "nested more than 100 levels deep" in problem(text).reason


def test_a_hundred_levels_are_read() -> None:
    assert parse("a: " + "[" * 99 + "]" * 99).format == "yaml"
    assert parse('{"a": ' + "[" * 99 + "]" * 99 + "}").format == "json"
    assert "nested" in problem("a: " + "[" * 100 + "]" * 100).reason


def test_yaml_bomb() -> None:
    levels = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 10)]
    assert problem("\n".join(["l0: &l0 [lol]", *levels])).path == "l0"


def test_size_is_looked_at_before_anything_else() -> None:
    found = problem("\0: " + "x" * (10 << 20))
    assert found == Problem("", "the document has 10485763 bytes; the most that is read is 4194304 bytes (4 MiB)")
    assert "4194305 bytes" in problem("é" * (2 << 20) + "x").reason


@pytest.mark.parametrize(
    "text",
    ['{"' + '\\"' * 2_000_000, "{" + '"' * 4_000_000, '{"a": ' + "[]," * 1_000_000, "{" + "a: " * 1_000_000],
    ids=short,
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    problem(text)
    assert time.process_time() - started < 10  # quadratic time would be hours


def test_braces_alone_do_not_make_json() -> None:
    assert parse("{version: 0, spec: {}}").format == "yaml"
    assert parse(' \n{"version": 0}').format == "json"
    assert parse('\ufeff{"version": 0}').format == "json"


def test_annotations() -> None:
    assert parse("annotations: {a: 1}").annotations == {"a": 1}
    assert parse("annotations: [a]").annotations == {}
    assert parse("b: 1").annotations == {}


def test_json_and_yaml_give_the_same_tree() -> None:
    tree = {"a": [1, "1", True, None, {"b": []}, {}, "é😀\n\t"], "c": {"d": -5, "e": "x: y"}}
    assert parse(json.dumps(tree)).tree == tree
    assert parse("\n" + json.dumps(tree, ensure_ascii=False).replace("{", " {", 1)).tree == tree
