"""What a recipe is, where recipes come from, and how their hyperparameters are read."""

from __future__ import annotations

import ast
import inspect
import io
import textwrap
import tokenize
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import (
    Any,
    ClassVar,
    Literal,
    Protocol,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

import numpy as np
from numpy.typing import NDArray

from foretell.errors import ForetellError, nearest
from foretell.forecast import Forecast
from foretell.panel import Panel, Schema
from foretell.task import Run, Task

GROUP = "foretell.recipes"
State = tuple[dict[str, Any], dict[str, NDArray[Any]]]  # JSON, arrays
Summary = Mapping[
    str, Sequence[Mapping[str, Any]]
]  # title -> rows of a table: text, numbers or None by column


@runtime_checkable
class Predictor(Protocol):
    """A fitted recipe: a forecast for every item of any panel of the schema it was fitted on."""

    def predict(self, panel: Panel, *, levels: Sequence[float] | None = None) -> Forecast:
        """Forecast each item from its origin on, at `levels` (default: the task's)."""
        ...

    def state(self) -> State:
        """All that `Recipe.load` needs, as JSON and arrays."""
        ...


@runtime_checkable
class Summarised(Protocol):
    """A predictor that has something to say about how it was fitted; a report shows it."""

    def summary(self) -> Summary:
        """Tables by their titles."""
        ...


@runtime_checkable
class Recipe(Protocol):
    """A way to forecast: a frozen dataclass whose fields are its hyperparameters."""

    name: ClassVar[str]

    def fit(self, panel: Panel, task: Task, run: Run) -> Predictor:
        """Train on what lies before each item's origin."""
        ...

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> Predictor:
        """The predictor whose `state` this is."""
        ...


@runtime_checkable
class Continues(Protocol):
    """A recipe whose training can go on from a fitted predictor, on newer data."""

    def fit_from(self, start: Predictor, panel: Panel, task: Task, run: Run) -> Predictor:
        """Train on what lies before each item's origin; `panel` has the schema of `start`, vocabularies perhaps longer."""
        ...


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One field of a recipe: what it is called, takes, is by default and means."""

    name: str
    kind: Any
    default: Any
    meaning: str


@cache
def _registered() -> dict[str, Any]:
    return {point.name: point for point in entry_points(group=GROUP)}


def recipe_names() -> tuple[str, ...]:
    """The names of all installed recipes."""
    return tuple(sorted(_registered()))


def recipe_class(name: str) -> type[Recipe]:
    """The recipe registered under `name`; raises ForetellError with the nearest name when there is none."""
    if name not in _registered():
        known = recipe_names()
        raise ForetellError(f"no recipe {name!r}.{nearest(name, known)} There are: {', '.join(known)}")
    try:
        loaded: type[Recipe] = _registered()[name].load()
    except ImportError as error:  # a plug-in whose own dependencies are not installed
        raise ForetellError(f"recipe {name!r} cannot be imported: {error}. Install what it needs.") from error
    return loaded


def make_recipe(name: str, settings: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe `name` with `settings` (values, or text as the command line has it) in place of its defaults."""
    build = recipe_class(name)
    known = {parameter.name: parameter for parameter in hyperparameters(build)}
    values = {}
    for key, value in (settings or {}).items():
        if key not in known:
            raise ForetellError(
                f"{name} has no hyperparameter {key!r}.{nearest(key, known)} It has: {', '.join(sorted(known))}"
            )
        values[key] = _read(f"{name}.{key}", known[key].kind, value)
    return build(**values)


def as_recipe(recipe: str | Recipe) -> Recipe:
    """A recipe as it is, or by its name."""
    return make_recipe(recipe) if isinstance(recipe, str) else recipe


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """The hyperparameters of a recipe as plain values."""
    return {parameter.name: getattr(recipe, parameter.name) for parameter in hyperparameters(type(recipe))}


def keeps_time_limit(recipe: Recipe) -> bool:
    """Whether a recipe's training heeds `Run.time_limit`: it says so itself, by a class variable of that name."""
    return bool(getattr(recipe, "keeps_time_limit", False))


def hyperparameters(recipe: type[Recipe]) -> list[Hyperparameter]:
    """The fields of a recipe in order, each with the comment that stands beside it."""
    declared = [base for base in reversed(recipe.__mro__) if is_dataclass(base)]
    meanings = {name: text for base in declared for name, text in _comments(base).items()}
    hints = get_type_hints(recipe)
    return [
        Hyperparameter(
            f.name,
            hints[f.name],
            f.default_factory() if f.default_factory is not MISSING else f.default,
            meanings.get(f.name, ""),
        )
        for f in fields(recipe)  # type: ignore[arg-type]  # a Protocol cannot say that it is a dataclass
    ]


def _comments(recipe: type) -> dict[str, str]:
    """Field -> the comment on the lines of its definition."""
    try:
        source = textwrap.dedent(inspect.getsource(recipe))
    except OSError:  # a class typed at the prompt has no source
        return {}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {
        token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT
    }
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.ClassDef)
    return {
        ast.unparse(node.target): " ".join(
            comments[line]
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
            if line in comments
        )
        for node in definition.body
        if isinstance(node, ast.AnnAssign)
    }


def _read(where: str, kind: Any, value: Any) -> Any:
    """`value` as `kind`; text is read as the command line writes it."""
    if get_origin(kind) in (Union, types.UnionType):
        options = get_args(kind)
        if value is None or (isinstance(value, str) and value.lower() == "none" and type(None) in options):
            return None
        kind = next(option for option in options if option is not type(None))
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise _refused(where, " or ".join(map(repr, get_args(kind))), value)
        return value
    base = get_origin(kind) or kind
    if base is tuple and get_args(kind)[:1] == (str,):
        return _texts(where, value)
    return _convert(where, base, value)


def _texts(where: str, value: Any) -> tuple[str, ...]:
    """Texts as they are, as Python writes a tuple or list of them, or separated by commas."""
    parts = value
    if isinstance(value, str):
        try:
            parts = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parts = [part.strip() for part in value.split(",") if part.strip()]
    parts = (parts,) if isinstance(parts, str) else parts
    if not isinstance(parts, (tuple, list)) or not all(isinstance(part, str) for part in parts):
        raise _refused(where, "a list of texts", value)
    return tuple(parts)


def _convert(where: str, base: Any, value: Any) -> Any:
    if base is bool:
        if isinstance(value, bool) or str(value).lower() in ("true", "false"):
            return value if isinstance(value, bool) else str(value).lower() == "true"
        raise _refused(where, "true or false", value)
    if base is str:
        return str(value)
    try:
        parsed = ast.literal_eval(value) if isinstance(value, str) else value
    except (ValueError, SyntaxError) as error:
        raise _refused(where, base.__name__, value) from error
    if base is tuple:
        return tuple(parsed) if isinstance(parsed, (tuple, list)) else (parsed,)
    if (
        isinstance(parsed, bool)
        or not isinstance(parsed, (int, float))
        or (base is int and parsed != int(parsed))
    ):
        raise _refused(where, "a whole number" if base is int else "a number", value)
    if not np.isfinite(parsed):
        raise _refused(where, "a finite number", value)
    return base(parsed)


def _refused(where: str, expected: str, value: object) -> ForetellError:
    return ForetellError(f"{where} must be {expected}, got {value!r}")
