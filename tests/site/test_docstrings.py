"""Docstrings are written as text: what Sphinx would take for markup stays text, and what is code becomes code."""

import pytest

pytest.importorskip("sphinx", reason="needs the extra site")

from docutils.core import publish_doctree
from docutils.utils import Reporter
from sphinx.ext.napoleon import Config, GoogleDocstring

from course.site.docstrings import as_rst

TEXT = """Norm |x| of w_ and *args, 2 * 3 * 4, **not** less: `a | b_`.

A schedule, with the rate one:

    rate = schedule(t)  # |t|
    done_()

* a list
* whose second *item* holds `torch.optim.SGD(momentum=α,
  dampening=0)`

| apply | which | bits |
|---|:-:|---|
| `flip(a | b)` | x_ → *any* | |
| | b_ | 8 |

Args:
    x_: numbers, |x| < 1,
        and `y_` too.

    z: after an empty line.

Returns:
    The numbers, shape (n,): those of x_, and
    of z.

Raises:
    ValueError: x_ is empty.
"""


def test_it_reads_as_it_is_written():
    lines = as_rst(TEXT.splitlines())
    rst = str(GoogleDocstring("\n".join(lines), Config(napoleon_use_param=True)))
    rst = rst.replace(".. code-block:: python", ".. code:: text")  # the former is Sphinx's own
    tree = publish_doctree(rst, settings_overrides={"report_level": Reporter.INFO_LEVEL, "halt_level": 2})
    text = tree.astext()
    for part in ("Norm |x| of w_ and *args, 2 * 3 * 4, not less: a | b_.", "rate = schedule(t)  # |t|\ndone_()"):
        assert part in text
    literal = [node.astext() for node in tree.findall(lambda n: n.tagname == "literal")]
    assert literal == ["a | b_", "torch.optim.SGD(momentum=α,\ndampening=0)", "flip(a | b)", "y_"]
    assert [node.astext() for node in tree.findall(lambda n: n.tagname in ("emphasis", "strong"))] == [
        "not",
        "item",
        "any",
    ]
    cells = [node.astext() for node in tree.findall(lambda n: n.tagname == "entry")]
    assert cells == ["apply", "which", "bits", "flip(a | b)", "x_ → any", "", "", "b_", "8"]
    fields = {node[0].astext(): node[1].astext() for node in tree.findall(lambda n: n.tagname == "field")}
    assert fields == {
        "param x_": "numbers, |x| < 1,\nand y_ too.",
        "param z": "after an empty line.",
        "returns": "The numbers, shape (n,): those of x_, and\nof z.",
        "raises ValueError": "x_ is empty.",
    }
