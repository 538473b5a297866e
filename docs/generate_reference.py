"""The hook by which mkdocs fills in what is generated: the reference pages, and the documents of the root.

A page of `docs/` says `<!-- generated: NAME -->` where one of GENERATORS has to write. The command lines come from
the programs themselves, the keys of agent.toml from `edge.config`, their explanation from the example's comments.
"""

from __future__ import annotations

import os
import posixpath
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # mkdocs does not look for packages in the folder that it is called in

import typer  # noqa: E402
from pydantic import BaseModel  # noqa: E402

from edge.config import AgentConfig  # noqa: E402
from edge.region import Crop  # noqa: E402

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


def on_files(files: Any, config: Any) -> Any:
    """Add the documents of the root to the site."""
    from mkdocs.structure.files import File

    for source, page in ROOT_PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Write what is generated, and lead links between docs/ and the root to the site's pages."""
    filled = MARKER.sub(lambda found: GENERATORS[found[1]](), markdown)
    return LINK.sub(lambda found: site_link(page.file.src_uri, found[1]), filled)


def site_link(page: str, target: str) -> str:
    """The link of a page of the site, for one that holds in the repository."""
    at_home = {there: here for here, there in ROOT_PAGES.items()}
    source = at_home.get(page, f"docs/{page}")
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    there = ROOT_PAGES.get(wanted, wanted.removeprefix("docs/"))
    return posixpath.relpath(there, posixpath.dirname(page) or ".")


def agent_commands() -> str:
    """All command lines of edge-agent."""
    from edge.cli import app

    return "\n".join(_described("edge-agent", typer.main.get_command(app)))


def train_commands() -> str:
    """All command lines of edge-train."""
    from training.cli import app

    return "\n".join(_described("edge-train", typer.main.get_command(app)))


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
    return "\n".join(f"    {line.strip()}" if line.strip().startswith("edge-") else line.strip() for line in lines)


def _parameter_row(parameter: Any) -> str:
    is_option = any(name.startswith("-") for name in parameter.opts)
    names = [*parameter.opts, *parameter.secondary_opts] if is_option else [parameter.name]
    is_flag = bool(getattr(parameter, "is_flag", False))
    value = "" if is_flag else f"`{_value_of(parameter)}`"
    default = parameter.default
    shown = "" if callable(default) or default is None or default == () or is_flag else f"`{default}`"
    what = (getattr(parameter, "help", None) or "") + (" Required." if parameter.required else "")
    cells = (", ".join(f"`{name}`" for name in names), value, shown, what.strip())
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _value_of(parameter: Any) -> str:
    """What follows an option: its metavar, its choices, or the name of its type."""
    if parameter.metavar:
        return str(parameter.metavar)
    # typer says `<int range> [0.0<=x<=1.0]` in its own help; the reader wants the type and the bounds
    return str(parameter.display_type(None)).replace("<", "", 1).replace(">", "", 1)


def agent_keys() -> str:
    """Every key of agent.toml: type, bounds, default, and the example's comment."""
    return "\n".join(_section("", AgentConfig, example_comments(), top=True))


def train_keys() -> str:
    """Every key of a training's settings."""
    from training.config import TrainConfig

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


def example_settings() -> dict[str, Any]:
    """The example configuration as the agent reads it."""
    return tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))


def _section(path: str, model: type[BaseModel], comments: dict[str, str], *, top: bool = False) -> Iterator[str]:
    inner = {name: found for name, field in model.model_fields.items() if (found := _model_in(field.annotation))}
    heading = "Above the first table" if top else (f"[[{path}]]" if path in LISTS else f"[{path}]")
    yield f"\n## {heading}\n\n{_paragraphs(model.__doc__ or '')}\n"
    yield "| key | value | default | what it does |\n| --- | --- | --- | --- |"
    for name, field in model.model_fields.items():
        if name not in inner and name != "sinks":
            limits = [BOUNDS[k].format(v) for m in field.metadata for k in BOUNDS if (v := getattr(m, k, None)) is not None]
            value = ", ".join([_type_text(field.annotation), *limits])
            what = comments.get(f"{path}.{name}".lstrip("."), "") or comments.get(f"camera.{name}", "")
            yield f"| `{name}` | {_cell(value)} | {_cell(_default_text(field))} | {_cell(what)} |"
    for name, found in inner.items():
        yield from _section(f"{path}.{name}".lstrip("."), found, comments)


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
        return " or ".join(dict.fromkeys(_type_text(part) for part in get_args(annotation) if part is not NoneType))
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
    os.environ.setdefault("NO_COLOR", "1")
    for name in sys.argv[1:] or GENERATORS:
        print(GENERATORS[name]())
