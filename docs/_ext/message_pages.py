"""Pages of the reference on what foretell says: findings with their advice, and all errors, from the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final, cast

from api_pages import cell
from docstrings import Undocumented
from message_texts import UNKNOWN, Function, Texts, functions_of, in_functions, in_tuples, severities_of

_SEVERITY: Final = {"note": "note", "warn": "warning", "error": "error", "fault": "error"}
_ERRORS: Final = ("ForetellError", "RecipeFailed", "UnknownAdjustment")  # and it is a ForetellError


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
    functions = functions_of(files.values())
    for tree in files.values():
        for code, severity, message in _told(tree, Texts(tree, functions), tuple(ADVICE)):
            if code not in ADVICE:
                raise Undocumented(f"the finding {code!r} has no advice in foretell/data/finding_advice.py")
            said[code].append((severity, message))
    for code, found in said.items():
        if not found:
            found += [("note", text) for tree in files.values() for text in _in_a_list(tree, code)]
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
        if not examples:
            lines.append("It says what the [error](errors.md) says that it stands for.")
        lines.append("\n".join(f"> {_markdown(text)}\n" for text in dict.fromkeys(examples)))
        parts.append("\n\n".join(line for line in lines if line.strip()))
    return "\n\n".join(parts) + "\n"


def _in_a_list(tree: ast.Module, code: str) -> Iterator[str]:
    """Texts of a finding that stands in a list of such, each beside its code."""
    return (text for node in in_tuples(tree, code) for text in Texts(tree).of(node))


def _told(tree: ast.Module, texts: Texts, codes: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """(code, severity, message) of each call that reports a finding, a tuple for each text that it may have."""
    for node, inside in in_functions(tree):
        place = _place_of_code(node, codes)
        if place is None:
            continue
        code = str(cast("ast.Constant", node.args[place]).value)
        severities = _severities(node, place, inside) or ("",)
        message = node.args[place + 1] if len(node.args) > place + 1 else node.args[place]
        for severity, text in product(severities, texts.of(message, inside)):
            yield code, severity, f"{UNKNOWN} items {text}" if _name(node) == "_list" else text


def _place_of_code(node: ast.Call, codes: tuple[str, ...]) -> int | None:
    """Which argument is the code of a finding; None where the call reports none."""
    constants = [
        k for k, a in enumerate(node.args) if isinstance(a, ast.Constant) and isinstance(a.value, str)
    ]
    if _name(node) == "Finding":
        return 1 if 1 in constants else None
    if (
        _name(node) in _SEVERITY
        and isinstance(node.func, ast.Attribute)
        and "findings" in ast.unparse(node.func)
    ):
        return constants[0] if constants else None
    reports = _name(node) in _SEVERITY or any(_reports(each) for each in (node.func, *node.args))
    known = [k for k in constants if cast("ast.Constant", node.args[k]).value in codes]
    return known[0] if reports and known else None


def _reports(node: ast.expr) -> bool:
    """Whether an expression is a method of findings, or the name `report` that is one."""
    return (isinstance(node, ast.Name) and node.id == "report") or (
        isinstance(node, ast.Attribute) and node.attr in _SEVERITY
    )


def _severities(node: ast.Call, place: int, inside: Function | None) -> tuple[str, ...]:
    if _name(node) == "Finding":
        grave = node.args[0]
        choices = (grave.body, grave.orelse) if isinstance(grave, ast.IfExp) else (grave,)
        return tuple(str(each.value) for each in choices if isinstance(each, ast.Constant))
    if _name(node) in _SEVERITY:
        return (_SEVERITY[_name(node)],)
    given = [
        arg.attr for arg in node.args[:place] if isinstance(arg, ast.Attribute) and arg.attr in _SEVERITY
    ]
    return tuple(_SEVERITY[each] for each in given) or severities_of(_name(node), inside, _SEVERITY)


def _name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def errors_page(files: dict[str, ast.Module]) -> str:
    """Every message of a ForetellError, by package; what depends on the case is an ellipsis."""
    packages: dict[str, set[str]] = {}
    functions = functions_of(files.values())
    for name, tree in files.items():
        package, texts = ".".join(name.split(".")[:2]), Texts(tree, functions)
        for node, inside in in_functions(tree):
            if _name(node) in _ERRORS and node.args:
                for message in texts.of(node.args[0], inside):
                    if len(message.strip("… .:")) > 3:
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


def _markdown(text: str) -> str:
    """A message as inline code where it is one line, which shows every sign as it is."""
    plain = cell(text).replace("\\|", "|")
    fence = "``" if "`" in plain else "`"
    return f"{fence} {plain} {fence}" if fence == "``" else f"`{plain}`"
