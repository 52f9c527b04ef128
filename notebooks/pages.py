"""What the pages of the site take from the code: columns, options, promises and measurements, so that none goes stale.

MkDocs calls the functions whose names begin with `on_`. A comment such as `<!-- columns: files -->` in a page is
replaced by what `_DIRECTIVES` makes of it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]

# The site tells of this tree, whatever is installed.
sys.path.insert(0, str(ROOT / "python"))

DIRECTIVE = re.compile(r"<!-- (\w+)(?:: ([^>]*?))? -->")


def on_config(config: Any) -> Any:
    """Name each notebook in the navigation, without a list to be kept."""
    found = [f"notebooks/{path.name}" for path in notebooks()]
    if found:
        config.nav.insert(3, {"Notebooks": found})
    return config


@event_priority(100)
def on_files(files: Files, config: Any) -> Files:
    """The notebooks lie beside the folder of the pages; MkDocs would look for them in it alone."""
    for path in notebooks():
        files.append(File(f"notebooks/{path.name}", str(path.parents[1]), config.site_dir, use_directory_urls=False))
    return files


def notebooks() -> list[Path]:
    """The notebooks that are to be shown."""
    return sorted(Path(__file__).parent.glob("*.ipynb"))


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put what a directive asks for in its place."""
    return DIRECTIVE.sub(lambda found: _DIRECTIVES[found[1]](found[2] or ""), markdown)


def on_page_content(html: str, **_: object) -> str:
    """No page fetches anything from elsewhere; a notebook would, for diagrams, of which there are none."""
    return re.sub(r'<script type="module">(?:(?!</script>).)*mermaid.*?</script>', "", html, flags=re.DOTALL)


def columns(table: str) -> str:
    """The columns of a table, as the package documents them."""
    from vespera_file_ops import tables

    rows = getattr(tables, table.upper())
    lines = ["| column | type | meaning |", "|---|---|---|"]
    for column in rows:
        asked = f" (with `{column.option}`)" if column.option else ""
        lines.append(f"| `{column.name}` | {column.type} | {_cell(column.meaning)}{asked} |")
    return "\n".join(lines)


def options(name: str) -> str:
    """The options of a function, as the package documents them."""
    from vespera_file_ops import options

    lines = ["| option | default | meaning |", "|---|---|---|"]
    for option, said in getattr(options, name.upper()).items():
        lines.append(f"| `{option}` | `{said.default!r}` | {_cell(said.meaning)} |")
    return "\n".join(lines)


def readme(heading: str) -> str:
    """A section of the README, so that figures stand in one place."""
    text = (ROOT / "README.md").read_text()
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"README.md has no section {heading!r}")
    body = re.sub(r"^#(#+) ", r"\1 ", found[1].strip(), flags=re.MULTILINE)
    return re.sub(r"^<!-- .* -->\n", "", body, flags=re.MULTILINE)


def hazard_tests() -> dict[int, list[str]]:
    """The test files that name each hazard, by its number."""
    found: dict[int, set[str]] = {}
    places = [(ROOT / "tests" / "python", "test_*.py", r"pytest\.mark\.hazard\(([\d, ]+)\)")]
    places += [(ROOT / folder, "**/*.rs", r"/// Hazards? ([\d, and]+)[:.]") for folder in ("src", "tests/rust")]
    for folder, names, pattern in places:
        for path in folder.glob(names):
            for said in re.findall(pattern, path.read_text()):
                for number in re.findall(r"\d+", said):
                    found.setdefault(int(number), set()).add(str(path.relative_to(ROOT)))
    return {number: sorted(paths) for number, paths in sorted(found.items())}


def promise(number: str) -> str:
    """The tests that keep the promise of this number."""
    return "<br>".join(f"`{path}`" for path in hazard_tests()[int(number)])


def tools(_: str) -> str:
    """The tools of the server for agents, as it declares them to a client."""
    from vespera_file_ops.mcp import contents, listing, moving, querying, searching, writing
    from vespera_file_ops.mcp.indexing import Artifacts

    found = [tool for room in (listing, contents, searching, querying) for tool in room.TOOLS]
    found += [Artifacts("tree.index", None).tool(), *writing.TOOLS, *moving.TOOLS]
    lines = []
    for tool in found:
        lines += [f"## {tool.name}", "", _plain(tool.description), ""]
        if tool.arguments["properties"]:
            lines += ["| argument | takes | meaning |", "|---|---|---|"]
        for name, said in tool.arguments["properties"].items():
            default = f" ({json.dumps(said['default'])})" if "default" in said else ""
            needed = "**, needed**" if name in tool.arguments["required"] else ""
            lines.append(
                f"| `{name}`{needed} | {_shape(said)}{default} | {_plain(_cell(said.get('description', '')))} |"
            )
        lines.append("")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text of the server, which is written for models and no Markdown."""
    return re.sub(r"([*_<`])", r"\\\1", text)


def _shape(said: dict[str, Any]) -> str:
    """What a JSON schema takes, in few words."""
    if "enum" in said:
        return ", ".join(f"`{value}`" for value in said["enum"])
    if "anyOf" in said:
        return " or ".join(_shape(one) for one in said["anyOf"])
    if said.get("type") == "array":
        return f"list of {_shape(said['items'])}"
    if said.get("type") == "object" and said.get("properties"):
        return "object of " + ", ".join(f"`{name}`" for name in said["properties"])
    return str(said.get("type", "any"))


def commands(_: str) -> str:
    """Every command, its arguments and its options."""
    from vespera_file_ops.cli.arguments import command_parser

    return "\n\n".join(_command(parser) for parser in _parsers(command_parser()))


def _parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    found = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                found += _parsers(child)
    return found


def _command(parser: argparse.ArgumentParser) -> str:
    depth = len(parser.prog.split())
    lines = [f"{'#' * min(depth + 1, 4)} `{parser.prog}`", ""]
    lines += [parser.description or "", ""] if parser.description else []
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action.dest != "help"]
        if not actions:
            continue
        title = {"positional arguments": "argument", "options": "option"}.get(group.title or "", group.title or "")
        lines += [f"| {title} | |", "|---|---|"]
        for action in actions:
            if isinstance(action, argparse._SubParsersAction):
                lines += [f"| `{choice.dest}` | {_cell(choice.help or '')} |" for choice in action._choices_actions]
                continue
            names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar or action.dest}`"
            taken = action.metavar or (action.dest.upper() if action.nargs != 0 and action.option_strings else "")
            value = f" *{'|'.join(action.choices) if action.choices else taken}*" if action.option_strings else ""
            told = _cell(parser._get_formatter()._expand_help(action)) if action.help else ""
            lines.append(f"| {names}{_cell(value) if taken else ''} | {told} |")
        lines.append("")
    if parser.epilog:
        lines += [parser.epilog, ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


_DIRECTIVES: dict[str, Callable[[str], str]] = {
    "columns": columns,
    "options": options,
    "readme": readme,
    "promise": promise,
    "commands": commands,
    "tools": tools,
}
