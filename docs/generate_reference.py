"""Write the site's pages into a folder, with what is generated: the reference, and the root's documents.

A page of `docs/` says `<!-- generated: NAME -->` where one of GENERATORS has to write. The command lines
come from the programs themselves, the keys of agent.toml from `edge.config`, their explanation from the
example's comments.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel

from edge.cli import app as agent_app
from edge.config import AgentConfig
from edge.region import Crop
from training.cli import app as train_app
from training.config import TrainConfig

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
EXAMPLE = ROOT / "deploy" / "agent.example.toml"
MARKER = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()([^)#\s:]+\.md)(?=[)#])")
# Documents that stand outside docs/ → their pages on the site.
ROOT_PAGES = {
    "DECISIONS.md": "project/decisions.md",
    "LOG.md": "project/log.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/RESULTS.md": "project/results.md",
}
PLAIN_TYPES = {str: "text", int: "whole number", float: "number", bool: "true, false", Path: "path"}
BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}
COMMENTED_KEY = re.compile(r"^#?(?P<key>[a-z_]+) = .*?\s# (?P<text>.+)$")
SECTION = re.compile(r"^#?\[+(?P<name>[a-z_.]+)\]+")


def write_pages(folder: Path) -> None:
    """Write all pages of the site into a folder: those of docs/, filled in, and the documents of the root."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder, ignore=shutil.ignore_patterns("*.md", "*.py", "__pycache__"))
    sources = {f"docs/{path.relative_to(DOCS)}": str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    for source, page in {**sources, **ROOT_PAGES}.items():
        target = folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(filled((ROOT / source).read_text(encoding="utf-8"), page), encoding="utf-8")


def filled(markdown: str, page: str) -> str:
    """A page with what is generated, and with links between docs/ and the root led to the site's pages."""
    whole = MARKER.sub(lambda found: GENERATORS[found[1]](), markdown)
    return LINK.sub(lambda found: site_link(page, found[1]), whole)


def site_link(page: str, target: str) -> str:
    """The link of a page of the site, for one that holds in the repository."""
    at_home = {there: here for here, there in ROOT_PAGES.items()}
    source = at_home.get(page, f"docs/{page}")
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    there = ROOT_PAGES.get(wanted, wanted.removeprefix("docs/"))
    return posixpath.relpath(there, posixpath.dirname(page) or ".")


def agent_commands() -> str:
    """All command lines of edge-agent."""
    return "\n".join(_described("edge-agent", typer.main.get_command(agent_app)))


def train_commands() -> str:
    """All command lines of edge-train."""
    return "\n".join(_described("edge-train", typer.main.get_command(train_app)))


def command_tree(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command and those below it, with the words that call them."""
    yield name, command
    for below in command.list_commands(None) if hasattr(command, "list_commands") else ():
        yield from command_tree(f"{name} {below}", command.get_command(None, below))


def _described(program: str, root: Any) -> Iterator[str]:
    for name, command in command_tree(program, root):
        yield f"\n## {name}\n\n{_paragraphs(command.help or '')}\n"
        rows = [_parameter_row(parameter) for parameter in command.params if not _is_hidden(parameter)]
        if rows:
            yield "| option | value | default | what it does |\n| --- | --- | --- | --- |"
            yield from rows


def _is_hidden(parameter: Any) -> bool:
    return bool(getattr(parameter, "hidden", False)) or "--help" in parameter.opts


def _paragraphs(text: str) -> str:
    """Help text as Markdown; typer keeps lines after a form feed as they are."""
    lines = text.replace("\b", "").strip().splitlines()
    return "\n".join(
        f"    {line.strip()}" if line.strip().startswith("edge-") else line.strip() for line in lines
    )


def _parameter_row(parameter: Any) -> str:
    is_option = any(name.startswith("-") for name in parameter.opts)
    names = [*parameter.opts, *parameter.secondary_opts] if is_option else [parameter.name]
    is_flag = bool(getattr(parameter, "is_flag", False))
    value = "" if is_flag else _value_of(parameter)
    default = parameter.default
    shown = "" if callable(default) or default is None or default == () or is_flag else f"`{default}`"
    what = (getattr(parameter, "help", None) or "") + (" Required." if parameter.required else "")
    cells = (", ".join(f"`{name}`" for name in names), value, shown, what.strip())
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _value_of(parameter: Any) -> str:
    """What follows an option: its metavar, or the name of its type with its bounds."""
    name = parameter.metavar or parameter.display_type(None).strip("<>").removesuffix(" range")
    bounds = [
        text.format(limit)
        for limit, text in ((parameter.min, "≥ {}"), (parameter.max, "≤ {}"))
        if limit is not None
    ]
    return " ".join([f"`{name}`", *bounds])


def agent_keys() -> str:
    """Every key of agent.toml: type, bounds, default, and the example's comment."""
    return "\n".join(_section("", AgentConfig, example_comments(), top=True))


def train_keys() -> str:
    """Every key of a training's settings."""
    return "\n".join(_section("", TrainConfig, {}, top=True))


def example_comments() -> dict[str, str]:
    """`section.key` → the comment behind it in the example configuration."""
    comments: dict[str, str] = {}
    section = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if found := SECTION.match(line):
            section = found["name"]
        if found := COMMENTED_KEY.match(line):
            comments.setdefault(f"{section}.{found['key']}".lstrip("."), found["text"])
    return comments


def _section(
    path: str, model: type[BaseModel], comments: Mapping[str, str], *, top: bool = False
) -> Iterator[str]:
    fields = model.model_fields
    inner = {name: found for name, field in fields.items() if (found := _model_in(field.annotation))}
    named = [name for name, field in fields.items() if get_origin(field.annotation) is dict]
    heading = "Above the first table" if top else (f"[[{path}]]" if path in LISTS else f"[{path}]")
    yield f"\n## {heading}\n\n{_paragraphs(model.__doc__ or '')}\n"
    yield "| key | value | default | what it does |\n| --- | --- | --- | --- |"
    for name, field in fields.items():
        if name not in inner and name not in named:
            what = comments.get(f"{path}.{name}".lstrip("."), "") or comments.get(f"camera.{name}", "")
            cells = (f"`{name}`", _value_text(field), _default_text(field), what)
            yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"
    for name, found in inner.items():
        yield from _section(f"{path}.{name}".lstrip("."), found, comments)
    for name in named:
        yield from _named_sections(name, comments)


def _named_sections(name: str, comments: Mapping[str, str]) -> Iterator[str]:
    """Tables with a name of the user's, for classes of his own: all keys but `class` go to the class."""
    what = next((text for key, text in comments.items() if re.fullmatch(rf"{name}\.\w+\.class", key)), "")
    yield f"\n## [{name}.NAME]\n\n| key | value | default | what it does |\n| --- | --- | --- | --- |"
    yield f"| `class` | text | must be given | {_cell(what)} |"
    yield "| any other | | | an argument of the class |"


def _value_text(field: Any) -> str:
    limits = [
        text.format(limit)
        for rule in field.metadata
        for name, text in BOUNDS.items()
        if (limit := getattr(rule, name, None)) is not None
    ]
    return ", ".join([_type_text(field.annotation), *limits])


LISTS = ("camera", "camera.region")


def _default_text(field: Any) -> str:
    if field.is_required():
        return "must be given"
    if field.default_factory is not None:
        return "found at the start"
    default = field.default
    if default is None or default == ():
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation stands for, also where it may come several times."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _type_text(annotation: Any) -> str:
    if annotation == Crop or annotation is Crop:
        return "x, y, width, height"
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if origin is Annotated:
        return _type_text(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return " or ".join(
            dict.fromkeys(_type_text(part) for part in get_args(annotation) if part is not NoneType)
        )
    if origin is tuple:
        return "several: " + _type_text(get_args(annotation)[0])
    return PLAIN_TYPES.get(annotation, "text")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


GENERATORS = {
    "agent-commands": agent_commands,
    "train-commands": train_commands,
    "agent-keys": agent_keys,
    "train-keys": train_keys,
    "agent-example": lambda: f"```toml\n{EXAMPLE.read_text(encoding='utf-8')}```",
}

if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
