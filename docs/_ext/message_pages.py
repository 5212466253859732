"""Pages of the reference on what foretell says: findings with their advice, and all errors, from the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from api_pages import cell
from docstrings import Undocumented

_SEVERITY: Final = {"note": "note", "warn": "warning", "error": "error", "fault": "error"}


def pages() -> Iterator[tuple[str, str]]:
    """(path, MyST); raises Undocumented for a finding without advice."""
    yield "findings.md", findings_page(source_files())
    yield "errors.md", errors_page(source_files())


def source_files() -> dict[str, ast.Module]:
    """Every module of the engine and the recipes, parsed, by its dotted name."""
    import foretell
    import foretell_recipes

    found = {}
    for package in (foretell, foretell_recipes):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            name = ".".join([package.__name__, *path.relative_to(root).with_suffix("").parts])
            found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def findings_page(files: dict[str, ast.Module]) -> str:
    """Every finding: how grave it is, what it says, what it means, what changes it."""
    from foretell.data.finding_advice import ADVICE

    said: dict[str, list[tuple[str, str]]] = {code: [] for code in ADVICE}
    for tree in files.values():
        for code, severity, message in _told(tree):
            if code not in ADVICE:
                raise Undocumented(f"the finding {code!r} has no advice in foretell/data/finding_advice.py")
            said[code].append((severity, message))
    parts = [
        "# Findings: what check and every reading report",
        "A finding is one thing that reading or checking the tables found or decided. `foretell check` shows all with what they mean,"
        " `--json` gives them to programs (`code` is the word below), in Python they are `data.findings` and"
        " `foretell.check(data).findings`. An *error* would end a run, a *warning* wants to be looked at, a *note* says how the data were"
        " read. Where the advice says `freq=`, the option at the prompt is `--freq`.",
        "(findings)=",
    ]
    for code, advice in ADVICE.items():
        grave = sorted({severity for severity, _ in said[code] if severity})
        examples = [message for _, message in said[code] if message.strip(" …")]
        lines = [f"## {code}", f"*{', '.join(grave)}.*" if grave else ""]
        lines.append(f"It means: {advice.meaning}.")
        lines.append(f"To change it: {advice.option}." if advice.option else "There is nothing to change.")
        lines.append("\n".join(f"> {_markdown(text)}\n" for text in dict.fromkeys(examples)))
        parts.append("\n\n".join(line for line in lines if line.strip()))
    return "\n\n".join(parts) + "\n"


def _told(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """(code, severity, message) of each call that reports a finding."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [arg for arg in node.args if isinstance(arg, (ast.Constant, ast.JoinedStr, ast.BinOp))]
        words = [arg.value for arg in texts if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if called == "Finding" and len(words) >= 2:
            yield words[1], words[0], template(node.args[2]) if len(node.args) > 2 else ""
        elif (
            called in _SEVERITY
            and isinstance(node.func, ast.Attribute)
            and _of_findings(node.func.value)
            and words
        ):
            message = node.args[1] if len(node.args) > 1 else node.args[0]
            if isinstance(message, ast.Call) and message.args:  # the ForetellError of a fault
                message = message.args[0]
            yield words[0], _SEVERITY[called], template(message)


def _of_findings(node: ast.expr) -> bool:
    return "findings" in ast.unparse(node)


def errors_page(files: dict[str, ast.Module]) -> str:
    """Every message of a ForetellError, by package; what depends on the case is an ellipsis."""
    packages: dict[str, set[str]] = {}
    for name, tree in files.items():
        package = ".".join(name.split(".")[:2])
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ForetellError" and node.args:
                message = template(node.args[0])
                if len(message.strip("… ")) > 3:
                    packages.setdefault(package, set()).add(message)
    parts = [
        "# Index of errors",
        "What a user can put right is a `foretell.ForetellError` (a `ValueError`); at the prompt it is one message and exit status 2. Its"
        " text says what was expected, what came, and the way out. Search this page for the words of yours; `…` stands for what depends"
        " on the case. At the prompt, arguments such as `freq=` are spelt as options (`--freq`).",
    ]
    for package, messages in sorted(packages.items()):
        lines = "\n".join(f"- {_markdown(text)}" for text in sorted(messages, key=str.lower))
        parts.append(f"## {package}\n\n{lines}")
    return "\n\n".join(parts) + "\n"


def template(node: ast.expr) -> str:
    """A message as its source writes it, with an ellipsis for each value; '' where it is made elsewhere."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(template(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return template(node.left) + template(node.right)
    return "…"


def _markdown(text: str) -> str:
    """A message as inline code where it is one line, which shows every sign as it is."""
    plain = cell(text).replace("\\|", "|")
    fence = "``" if "`" in plain else "`"
    return f"{fence} {plain} {fence}" if fence == "``" else f"`{plain}`"
