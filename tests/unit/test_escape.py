from __future__ import annotations

import pytest

from loopwright.escape import FILTERS, one_line


@pytest.mark.parametrize(
    ("kind", "text", "inside"),
    [
        ("toml", 'a "b" \\ c', r"a \"b\" \\ c"),
        ("yaml", "a\nb\u2028", r"a\nb\u2028"),
        ("python", "\0\x7f\U000e0001", r"\u0000\u007f\U000e0001"),
        ("json", 'a"\n', r"a\"\n"),
        ("toml", "für 日本 🙂", "für 日本 🙂"),
        ("markdown", "# <b>[x](y)</b> `$1`", r"\# \<b\>\[x\](y)\</b\> \`\$1\`"),
        ("markdown", "1. first\n2. second", r"1\. first 2. second"),
        ("markdown", "Predicts returned: 10% of 3.5", "Predicts returned: 10% of 3.5"),
        ("makefile", '$(shell id) `id` "x"', r"\$$(shell id) \`id\` \"x\""),
        ("dockerfile", 'a "b" $HOME \\', r"a \"b\" \$HOME \\"),
        ("text", " a\n\tb \x1b[31m", "a b [31m"),
    ],
)
def test_filters(kind, text, inside):
    assert FILTERS[kind](text) == inside


def test_one_line_is_a_fixed_point():
    text = " many\n\n words\x00 here\u00a0"
    assert one_line(text) == "many words here" == one_line(one_line(text))
