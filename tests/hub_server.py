"""A stand-in for the Hugging Face hub on this machine: repositories, commits, and tokens, as its
own client speaks with it; and what goes wrong on the way, where a test asks for it. Files are kept
in git alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import yaml

LARGE = (".safetensors", ".pth", ".bin")  # files whose SHA-256 the hub publishes
WRITER, READER, NOBODY = "hf_writer", "hf_reader", "hf_unknown"
OWNER = "user"


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Repo:
    """Commits by their hash, each {file: content}; branches by name."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        facts = "".join(f"{name}{git_sha1(content)}" for name, content in sorted(files.items()))
        sha = hashlib.sha1(f"{len(self.commits)}{facts}".encode()).hexdigest()
        self.commits[sha], self.refs[branch] = files, sha
        return sha

    def find(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.refs.get(revision)

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.refs["main"]]


@dataclass
class Faults:
    """What goes wrong. commits: commits break. down: every answer is this error."""

    commits: bool = False
    down: int = 0


class Hub:
    """The stand-in's state; `seen` are requests: method and path; `came`, all bytes that were sent
    to it.
    """

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.faults = Faults()
        self.seen: list[tuple[str, str]] = []
        self.came: list[bytes] = []
        self.address = ""

    def add(self, name: str, files: dict[str, bytes], private: bool = False) -> str:
        repo = self.repos.setdefault(name, Repo(private))
        return repo.commit({".gitattributes": b"*.safetensors filter=lfs\n", **files})

    def asked(self) -> list[str]:
        return [path for _, path in self.seen]


@contextmanager
def running():
    """A hub that answers while the block runs."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    hub.stop = lambda: (server.shutdown(), server.server_close())
    try:
        yield hub
    finally:
        hub.stop()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    ROUTES = (
        ("POST", r"/api/repos/create", "create"),
        ("POST", r"/api/validate-yaml", "validate"),
        ("POST", r"/api/models/(?P<repo>[^/]+/[^/]+)/preupload/(?P<revision>[^/]+)", "preupload"),
        ("POST", r"/api/models/(?P<repo>[^/]+/[^/]+)/commit/(?P<revision>[^/]+)", "commit"),
        ("GET", r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?", "info"),
        ("GET", r"/api/models/(?P<repo>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)", "tree"),
        ("HEAD|GET", r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)", "resolve"),
    )

    def do_GET(self):
        self.serve()

    do_HEAD = do_POST = do_GET

    def serve(self):
        hub, path = self.hub, urlsplit(self.path).path
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        hub.seen.append((self.command, unquote(path)))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if hub.faults.commits and "/commit/" in path:
            self.close_connection = True
            return None
        hub.came.append(self.body)
        if hub.faults.down:
            return self.refuse(hub.faults.down, "", "out of order")
        if token not in (None, WRITER, READER):
            return self.refuse(401, "", "Invalid credentials in Authorization header")
        for methods, pattern, name in self.ROUTES:
            match = re.fullmatch(pattern, path)
            if match and re.fullmatch(methods, self.command):
                found = {key: unquote(value) for key, value in match.groupdict().items() if value}
                return getattr(self, name)(token=token, **found)
        return self.refuse(404, "", f"no such address: {path}")

    def answer(self, body: bytes = b"", status: int = 200, **headers: str):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def tell(self, values, status: int = 200, **headers: str):
        self.answer(json.dumps(values).encode(), status, Content_Type="application/json", **headers)

    def refuse(self, status: int, code: str, message: str):
        headers = {"X_Error_Message": message} | ({"X_Error_Code": code} if code else {})
        self.tell({"error": message}, status, **headers)

    def may_write(self, token: str | None, name: str) -> bool:
        if token is None:
            self.refuse(401, "", "Invalid username or password.")
        elif token != WRITER or name.partition("/")[0] != OWNER:
            self.refuse(403, "", f"You don't have the rights to write to {name}")
        else:
            return True
        return False

    def repo(self, name: str, token: str | None) -> Repo | None:
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and token is None):
            self.refuse(401 if token is None else 404, "RepoNotFound", "Repository not found")
            return None
        return repo

    # writing

    def create(self, token):
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        if not self.may_write(token, name):
            return None
        if name in self.hub.repos:
            return self.tell(
                {"url": f"{self.hub.address}/{name}", "error": "You already created this"}, 409
            )
        self.hub.add(
            name, {}, private=asked.get("visibility") == "private" or bool(asked.get("private"))
        )
        return self.tell({"url": f"{self.hub.address}/{name}"})

    def validate(self, token):
        facts = yaml.safe_load(json.loads(self.body)["content"].split("---")[1])
        wrong = (
            []
            if re.fullmatch(r"[a-z0-9.-]+", facts["license"])
            else [{"message": '"license" is none'}]
        )
        return self.tell({"errors": wrong, "warnings": []}, 400 if wrong else 200)

    def preupload(self, token, repo, revision):
        if not self.may_write(token, repo):
            return None
        names = [file["path"] for file in json.loads(self.body)["files"]]
        files = [
            {"path": name, "uploadMode": "regular", "shouldIgnore": False, "oid": None}
            for name in names
        ]
        return self.tell({"files": files})

    def commit(self, token, repo, revision):
        if not self.may_write(token, repo):
            return None
        known = self.hub.repos[repo]
        files = dict(known.commits[known.refs[revision]])
        for step in map(json.loads, self.body.splitlines()):
            key, value = step["key"], step["value"]
            if key == "header":
                if value.get("parentCommit") not in (None, known.refs[revision]):
                    return self.refuse(
                        412, "", "A commit has happened since. Please refresh and try again."
                    )
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                del files[value["path"]]
        sha = known.commit(files, revision)
        return self.tell(
            {
                "commitOid": sha,
                "commitUrl": f"{self.hub.address}/{repo}/commit/{sha}",
                "success": True,
            }
        )

    # reading

    def info(self, token, repo, revision="main"):
        known = self.repo(repo, token)
        if known is None:
            return None
        sha = known.find(revision)
        if sha is None:
            return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        siblings = []
        for name, content in known.commits[sha].items():
            one = {"rfilename": name, "size": len(content), "blobId": git_sha1(content)}
            if name.endswith(LARGE):
                one["lfs"] = {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pointerSize": 134,
                }
            siblings.append(one)
        card = known.commits[sha].get("README.md", b"").decode().split("---")
        facts = {
            "id": repo,
            "modelId": repo,
            "sha": sha,
            "private": known.private,
            "siblings": siblings,
            "tags": [],
        }
        return self.tell(facts | ({"cardData": yaml.safe_load(card[1])} if len(card) > 1 else {}))

    def tree(self, token, repo, revision):
        known = self.hub.repos[repo]
        files = known.commits[known.find(revision)].items()
        entries = [
            {"type": "file", "path": name, "size": len(c), "oid": git_sha1(c)} for name, c in files
        ]
        return self.tell(entries)

    def resolve(self, token, repo, revision, file):
        known = self.repo(repo, token)
        if known is None:
            return None
        sha = known.find(revision)
        if sha is None or file not in known.commits[sha]:
            return self.refuse(
                404, "EntryNotFound" if sha else "RevisionNotFound", f"not there: {file}"
            )
        content = known.commits[sha][file]
        etag = hashlib.sha256(content).hexdigest() if file.endswith(LARGE) else git_sha1(content)
        return self.answer(content, ETag=f'"{etag}"', X_Repo_Commit=sha)

    def log_message(self, *args):
        pass
