"""The page that describes the REST interface, in plain HTML."""

from __future__ import annotations

import html
from typing import Any


def docs_page(spec: dict[str, Any], address: str) -> str:
    """An OpenAPI description as one page of plain HTML, which needs no script and nothing from
    elsewhere. address: of the app.
    """
    out = []
    for path, ways in spec["paths"].items():
        for method, about in ways.items():
            out.append(f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>")
            out.append(f"<p>{html.escape(about.get('description', ''))}</p>")
            for kind, content in about.get("requestBody", {}).get("content", {}).items():
                needed = content["schema"].get("required", [])
                rows = [
                    f"<tr><td><code>{name}</code>{' *' if name in needed else ''}<td>{_kind(rule)}"
                    f"<td>{html.escape(str(rule.get('default', '')))}<td>{html.escape(rule.get('description', ''))}"
                    for name, rule in content["schema"]["properties"].items()
                ]
                head = "<tr><th>field<th>type<th>default<th>"
                out.append(
                    f"<p>{kind}:</p><div class=wide><table>{head}{''.join(rows)}</table></div>"
                )
            rows = [
                f"<tr><td>{status}<td>{html.escape(one['description'])}<td>{', '.join(one.get('content', {}))}"
                for status, one in about["responses"].items()
            ]
            out.append(
                f"<div class=wide><table><tr><th>status<th><th>answer{''.join(rows)}</table></div>"
            )
    example = f"curl -F file=@drawing.jpg -F seed=3 {address}api/translate -o photo.png"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(spec['info']['title'])}: interface</title><link rel=icon href=app/files/icon.svg>"
        "<link rel=stylesheet href=app/files/docs.css>"
        f"<h1>{html.escape(spec['info']['title'])}</h1><p>{html.escape(spec['info'].get('description', ''))}</p>"
        f"<pre>{html.escape(example)}</pre><p><a href=openapi.json>openapi.json</a></p>{''.join(out)}</html>"
    )


def _kind(rule: dict[str, Any]) -> str:
    text = " | ".join(rule["enum"]) if "enum" in rule else rule["type"]
    if "minimum" in rule:
        text += f", {rule['minimum']:.0f} to {rule['maximum']:.0f}"
    return html.escape(text)
