"""The page that describes the REST interface, in plain HTML."""

from __future__ import annotations

import html
from typing import Any


def docs_page(spec: dict[str, Any], address: str) -> str:
    """An OpenAPI description as one page of plain HTML, which needs no script and nothing from
    elsewhere. address: of the app.
    """
    title = html.escape(spec["info"]["title"])
    description = html.escape(spec["info"].get("description", ""))
    routes = []
    for path, ways in spec["paths"].items():
        for method, about in ways.items():
            routes.append(_route(path, method, about))
    example = f"curl -F file=@drawing.jpg -F seed=3 {address}api/translate -o photo.png"
    return f"""<!doctype html><html lang=en><meta charset=utf-8>
<meta name=viewport content='width=device-width'><title>{title}: interface</title>
<link rel=icon href=app/files/icon.svg><link rel=stylesheet href=app/files/docs.css>
<h1>{title}</h1><p>{description}</p><pre>{html.escape(example)}</pre>
<p><a href=openapi.json>openapi.json</a></p>{"".join(routes)}</html>"""


def _route(path: str, method: str, about: dict[str, Any]) -> str:
    """One route: what it does, the fields of its form, its answers."""
    parts = [f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>"]
    parts.append(f"<p>{html.escape(about.get('description', ''))}</p>")
    for kind, content in about.get("requestBody", {}).get("content", {}).items():
        rows = _fields(content["schema"])
        head = "<tr><th>field<th>type<th>default<th>"
        parts.append(f"<p>{kind}:</p><div class=wide><table>{head}{rows}</table></div>")
    rows = []
    for status, answer in about["responses"].items():
        kinds = ", ".join(answer.get("content", {}))
        rows.append(f"<tr><td>{status}<td>{html.escape(answer['description'])}<td>{kinds}")
    head = "<tr><th>status<th><th>answer"
    parts.append(f"<div class=wide><table>{head}{''.join(rows)}</table></div>")
    return "".join(parts)


def _fields(schema: dict[str, Any]) -> str:
    rows = []
    for name, rule in schema["properties"].items():
        star = " *" if name in schema.get("required", []) else ""
        default = html.escape(str(rule.get("default", "")))
        description = html.escape(rule.get("description", ""))
        rows.append(
            f"<tr><td><code>{name}</code>{star}<td>{_kind(rule)}<td>{default}<td>{description}"
        )
    return "".join(rows)


def _kind(rule: dict[str, Any]) -> str:
    text = " | ".join(rule["enum"]) if "enum" in rule else rule["type"]
    if "minimum" in rule:
        text += f", {rule['minimum']:.0f} to {rule['maximum']:.0f}"
    return html.escape(text)
