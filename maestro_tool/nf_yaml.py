"""What an ``nf.yaml`` may say (`nf` shows one), and where it says it.

Scalars are taken as they are written: an argument ``1`` is the text that the NF gets.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from maestro_tool import located_yaml
from maestro_tool.diagnostics import SourceLocation
from maestro_tool.located_yaml import error_text
from maestro_tool.nf import C_NAME, LIMITS, MAX_PORTS

if TYPE_CHECKING:  # types cannot be made of tables for mypy; for pydantic they can
    Limit = str
else:
    Limit = Literal[LIMITS]


def _decimal(text: object) -> int:
    if not isinstance(text, str) or not (text.isascii() and text.isdecimal()):
        raise ValueError("no number")
    return int(text)


def _pure(said: dict[str, str]) -> dict[str, str]:
    if said != {"pure": "true"}:
        raise ValueError("not pure")
    return said


_Number = Annotated[int, BeforeValidator(_decimal)]
_Words = Annotated[
    tuple[Annotated[str, error_text("must be a list of strings")], ...],
    error_text("must be a list"),
]
_Function = Annotated[str, Field(pattern=f"^{C_NAME.pattern}$"), error_text("must be a function's name")]
_Pure = Annotated[
    dict[str, str],
    AfterValidator(_pure),
    error_text("must be {pure: true}", "functions that change state cannot be declared: add their sources"),
]


_Port = Annotated[_Number, Field(lt=MAX_PORTS), error_text(f"must be a port, from 0 to {MAX_PORTS - 1}")]


def _passes(said: object) -> int | str:
    if said == "drop":
        return "drop"
    port = _decimal(said)
    if port >= MAX_PORTS:
        raise ValueError("no port")
    return port


class Attached(BaseModel):
    """Where the verdicts of a program for XDP lead (`xdp`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passes: Annotated[
        int | str | None,
        BeforeValidator(_passes),
        error_text(f"must be a port, from 0 to {MAX_PORTS - 1}, or drop"),
    ] = Field(default=None, alias="pass")
    redirect: Annotated[
        dict[Annotated[_Number, Field(lt=(1 << 32) - 1), error_text("must be the index of an interface")], _Port],
        error_text("must be a mapping"),
    ] = {}


class Description(BaseModel):
    """The members of an ``nf.yaml``; ``functions`` are those that only calculate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: _Words | None = None
    arguments: _Words = ()
    ports: Annotated[_Number, Field(ge=1, le=MAX_PORTS), error_text(f"must be a number from 1 to {MAX_PORTS}")] = 2
    limits: Annotated[
        dict[Limit, Annotated[_Number, error_text("must be a number")]], error_text("must be a mapping")
    ] = {}
    functions: Annotated[dict[_Function, _Pure], error_text("must be a mapping")] = {}
    xdp: Attached | None = None


def read(path: Path) -> tuple[Description, SourceLocation]:
    """What the file says, and where its sources are; `InputError` at what is wrong."""
    tree = located_yaml.read(path, "description", Description)
    description = located_yaml.checked(Description, tree, as_written=True)
    return description, tree.places(("sources",))[1]
