"""Open portraits from a real HTTP server on this machine, with small pictures made here."""

from __future__ import annotations

import csv
import hashlib
import io
import threading
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from data_prep.__main__ import main
from data_prep.fetch import download as named_sets
from data_prep.fetch import open_portraits, transfer
from data_prep.make import portraits
from s2f_utils.pictures import images
from s2f_utils.weights import download
from tools.shipped import portraits as all_portraits
from tools.shipped import scribbles_set

SETS = {"congress-118": 22, "18f-team": 8}
LISTED = ("set", "name", "path", "sha256", "left", "top", "right", "bottom", "scale")
BOX = (10, 20, 50, 70)  # left, top, right, bottom
SCALE = 0.5


class Server(BaseHTTPRequestHandler):
    """Serves `files`, path → content; after `answers` of them (None: no limit) the network is gone
    in mid-file.
    """

    files: dict[str, bytes]
    seen: list[str]
    answers: int | None
    lock = threading.Lock()

    def do_GET(self):
        path = unquote(self.path)
        with Server.lock:
            Server.seen.append(path)
            gone = Server.answers == 0
            if Server.answers:
                Server.answers -= 1
        self.close_connection = True
        if gone and self.headers.get("Range"):
            return
        content = Server.files.get(path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write((content or b"")[: len(content or b"") // 2 if gone else None])

    def log_message(self, *args):
        pass


def original(number: int) -> bytes:
    """A PNG of 60x80 pixels: green in the box, red around it, and a grey value that tells one from
    another.
    """
    pixels = np.full((80, 60, 3), (255, 0, 0), np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = (0, 255, 0)
    pixels[0, 0] = number
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


@pytest.fixture()
def published(tmp_path, monkeypatch):
    """Two sets with boxes and one without, listed and served; returns the served file of each
    name.
    """
    Server.files, Server.seen, Server.answers = {}, [], None
    running = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{running.server_address[1]}"
    sets, paths, rows = open_portraits.open_sets(), {}, []
    for name, num in SETS.items():
        for index in range(num):
            file, content = f"face-{index}.webp", original(index)
            path = f"my pictures/Face-{index}.png"
            paths[f"{name}/{file}"] = f"/{sets[name].repository}/{sets[name].commit}/{path}"
            Server.files[paths[f"{name}/{file}"]] = content
            rows.append([name, file, path, hashlib.sha256(content).hexdigest(), *BOX, SCALE])
    paths["portraits/senate-a.png"] = "/senate/a.png"
    Server.files["/senate/a.png"] = whole = original(200)
    urls = (f"{address}/senate/a.png",)
    whole_file = transfer.Original("senate-a.png", urls, hashlib.sha256(whole).hexdigest())
    with open(tmp_path / "list.csv", "w", newline="") as file:
        csv.writer(file).writerows([LISTED, *rows])
    monkeypatch.setattr(open_portraits, "LIST", tmp_path / "list.csv")
    monkeypatch.setattr(open_portraits, "RAW", address)
    monkeypatch.setattr(named_sets, "portrait_files", lambda: [whole_file])
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    for variable in ("S2F_OPEN_PORTRAITS", "S2F_PORTRAITS"):
        monkeypatch.delenv(variable, raising=False)
    yield paths
    running.shutdown()
    running.server_close()


def fetch(out: Path, *options: str) -> int:
    return main(["download", "open-portraits", str(out), *options])


def in_folder(out: Path) -> set[str]:
    """The pictures below `out`; every file there is a whole picture, or the list of credits."""
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} - {
        "credits.csv"
    }
    for name in files:
        images.load_rgb(out / name)
    return files


def credits_of(out: Path) -> dict[str, dict[str, str]]:
    return {row["file"]: row for row in open_portraits._read_csv(out / "credits.csv")}


def test_a_download_that_broke_off_goes_on_to_the_end(published, tmp_path, capsys):
    out = tmp_path / "out"
    Server.answers = 5
    assert fetch(out) == 2
    first = in_folder(out)
    assert len(first) == 5 and set(credits_of(out)) == first
    assert "not tried, for the network does not answer" in capsys.readouterr().err

    Server.answers = None
    Server.seen.clear()
    assert fetch(out) == 0
    assert in_folder(out) == set(published) == set(credits_of(out))
    assert sorted(Server.seen) == sorted(published[name] for name in published if name not in first)
    Server.seen.clear()
    assert fetch(out) == 0 and Server.seen == []
    (out / "credits.csv").write_text((out / "credits.csv").read_text().replace(",", ";"))
    assert fetch(out) == 2 and "credits.csv: damaged: delete it" in capsys.readouterr().err


def test_another_picture_of_the_right_size_and_a_file_without_a_credit_are_not_kept(
    published, tmp_path, capsys
):
    """By its size alone a cropped portrait would be right."""
    out, other, name = tmp_path / "out", tmp_path / "other", "18f-team/face-3.webp"
    for folder in (out, other):
        images.save(folder / name, np.zeros((25, 20, 3), np.uint8))
    assert fetch(out, "--from", str(other)) == 0
    assert images.load_rgb(out / name)[..., 1].mean() > 200 and set(credits_of(out)) == set(
        published
    )
    Server.seen.clear()
    assert fetch(tmp_path / "copy", "--from", str(out)) == 0 and Server.seen == []
    assert credits_of(tmp_path / "copy") == credits_of(out)


def test_each_original_is_cut_to_its_box_and_scaled(published, tmp_path):
    out = tmp_path / "out"
    assert fetch(out) == 0
    picture = images.load_rgb(out / "18f-team" / "face-3.webp")
    assert picture.shape == (25, 20, 3)
    assert np.abs(picture.astype(int) - (0, 255, 0)).max() < 16
    assert (out / "portraits" / "senate-a.png").read_bytes() == original(200)
    (out / "portraits" / "senate-a.png").write_bytes(b"cut")
    assert main(["download", "portraits", str(out / "portraits")]) == 0
    assert (out / "portraits" / "senate-a.png").read_bytes() == original(200)
    row = credits_of(out)["18f-team/face-3.webp"]
    assert row["sha256"] == download.sha256_of(out / "18f-team" / "face-3.webp")
    assert row["original"].endswith(published["18f-team/face-3.webp"].replace(" ", "%20"))
    assert (row["terms"], row["credit"], row["changes"]) == ("CC0", "18F", "cut out and scaled")


def test_a_changed_and_a_missing_original_are_named_and_the_rest_is_there(
    published, tmp_path, capsys
):
    out = tmp_path / "out"
    changed, missing = "congress-118/face-4.webp", "18f-team/face-2.webp"
    Server.files[published[changed]] = original(99)
    del Server.files[published[missing]]
    assert fetch(out) == 2
    assert in_folder(out) == set(published) - {changed, missing} == set(credits_of(out))
    shown = capsys.readouterr()
    lines = {
        name: next(line for line in shown.err.splitlines() if name in line)
        for name in (changed, missing)
    }
    assert "another SHA-256" in lines[changed] and "404" in lines[missing]
    assert "2 of 31 portraits are missing" in shown.err
    assert "congress-118: 21 of 22" in shown.out and "18f-team: 7 of 8" in shown.out


def test_a_person_is_in_one_split_and_in_one_half():
    rows = open_portraits._read_csv(all_portraits.OPEN_LABELS)
    splits, people = defaultdict(set), {row["sha256"]: row["person"] for row in rows}
    for row in rows:
        splits[row["person"]].add(row["split"])
    assert Counter(map(tuple, splits.values())) == {("train",): 2223, ("val",): 59, ("test",): 300}
    by_id = defaultdict(set)  # files of these two sets are named by the same ids of people
    for row in open_portraits._read_csv(open_portraits.LIST):
        if row["set"] in ("congress-118", "reform-congress"):
            by_id[row["name"]].add(people[row["sha256"][: all_portraits.KEY_DIGITS]])
    assert len(by_id) == 1109 and all(len(own) == 1 for own in by_id.values())
    sitters = [portraits.PortraitFile("", Path(), np.empty(0), row["split"], row) for row in rows]
    trained = {split: [one for one in sitters if one.split == split] for split in ("train", "val")}
    among = [{one.labels["person"] for one in own} for own in scribbles_set._sets(trained).values()]
    assert sum(map(len, among)) == len(set.union(*among)) == 2223 + 59
    older = {row["name"]: row["split"] for row in open_portraits._read_csv(portraits.LABELS)}
    for file in named_sets.portrait_files():
        assert splits[people[file.sha256[: all_portraits.KEY_DIGITS]]] == {
            older[Path(file.name).stem]
        }, file.name


def test_a_file_that_arrives_after_the_network_was_given_up_has_its_credit(
    published, tmp_path, monkeypatch
):
    """The slowest of the files that still came is kept after eight others were not answered."""
    out = tmp_path / "out"
    Server.answers = 1
    is_given_up = threading.Event()
    cut, tell = open_portraits._Store.cut, transfer.ThreadPoolExecutor.shutdown

    def cut_late(store, portrait, original):
        assert is_given_up.wait(60)
        cut(store, portrait, original)

    def shutdown(pool, **options):
        is_given_up.set()
        tell(pool, **options)

    monkeypatch.setattr(open_portraits._Store, "cut", cut_late)
    monkeypatch.setattr(transfer.ThreadPoolExecutor, "shutdown", shutdown)
    assert fetch(out) == 2
    assert len(in_folder(out)) == 1 and set(credits_of(out)) == in_folder(out)
