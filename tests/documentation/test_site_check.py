"""The look over built pages finds what it is there for."""

from pathlib import Path

from site_check import faults


def test_a_page_that_loads_from_another_host_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<script src="https://cdn.example/x.js"></script><a href="https://example.org">x</a>'
    )
    (tmp_path / "a.css").write_text("@font-face { src: url(https://fonts.example/a.woff) }")
    found = faults(tmp_path)
    assert len(found) == 2
    assert "a.html loads https://cdn.example/x.js from another host" in found


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">x</a> <a href="b.html#there">x</a> <a href="c.html">x</a>'
    )
    (tmp_path / "b.html").write_text('<p id="here">x</p>')
    assert faults(tmp_path) == [
        "a.html: the link b.html#there names a place that its page does not have",
        "a.html: the link c.html leads nowhere",
    ]
