"""What can be wrong with a data set: the kinds of findings, how bad each is, and how it is mended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_prep.check.examine import PictureFacts, Subject
from data_prep.errors import printable


@dataclass(frozen=True)
class Kind:
    """A kind of finding. stops: training must not start with it. mend: what a person does; fix:
    what --fix does. drops: --fix leaves the pair out.
    """

    title: str
    stops: bool
    mend: str
    fix: str
    drops: bool = True


LEAVE_OUT = "the pair is left out"
STAYS = "the pair stays (--drop-doubtful leaves it out)"
KINDS: dict[str, Kind] = {
    "missing": Kind(
        "files that the manifest lists but that are missing",
        True,
        "copy them beside the manifest",
        LEAVE_OUT,
    ),
    "split": Kind("rows without a known split", True, "write train, val or test there", LEAVE_OUT),
    "manifest": Kind(
        "a manifest that training refuses",
        True,
        "correct the line",
        "ids are made unique, and it is written as UTF-8",
    ),
    "unmatched": Kind(
        "pictures without a partner",
        False,
        "rename them like their partner, or delete them",
        LEAVE_OUT,
    ),
    "unreadable": Kind(
        "files that cannot be read", True, "copy or download them again, or delete them", LEAVE_OUT
    ),
    "kind": Kind(
        "files of an unusual kind",
        False,
        "nothing: they are converted when they are read; look at the result",
        "they are written as 8-bit RGB",
    ),
    "aspect": Kind(
        "pictures of another shape than the others",
        False,
        "crop them, or use --align face or --fit pad",
        STAYS,
        False,
    ),
    "sizes": Kind(
        "sketches of another shape than their photo",
        True,
        "crop both alike, or use --align face --each",
        LEAVE_OUT,
    ),
    "not_square": Kind(
        "pictures that are not square",
        True,
        "make squares: data_prep pairs DATA OUT --align face, or --fit pad",
        "nothing: make squares of them",
        False,
    ),
    "unaligned": Kind(
        "most sketches do not lie on their photos",
        True,
        "align each by its own face: --align face --each; where they are other people's, pair them anew",
        "nothing: align them first",
        False,
    ),
    "squeezed": Kind(
        "most sketches were stretched onto a photo of another shape",
        False,
        "make the set anew from its source with --align face --each",
        "nothing: the pictures stay as they are",
        False,
    ),
    "small": Kind(
        "pictures much smaller than the others",
        False,
        "get larger ones, or delete them",
        STAYS,
        False,
    ),
    "tiny_face": Kind(
        "faces that fill little of the picture", False, "cut them out: --align face", STAYS, False
    ),
    "no_face": Kind(
        "photos in which no face was found",
        False,
        "look at them; give the eyes by --points, or delete them",
        STAYS,
        False,
    ),
    "turned": Kind(
        "photos that lie on their side or upside down",
        True,
        "turn the photo, and the sketch where it lies so, too",
        "they are turned",
    ),
    "identity": Kind(
        "people who are in more than one split",
        True,
        "put all pictures of a person into one split",
        "their training pairs are left out",
    ),
    "duplicate": Kind(
        "pictures that occur twice",
        False,
        "delete one of them",
        "one of them is left out, with its partner",
    ),
    "leak": Kind(
        "the same picture in two splits",
        True,
        "delete it from training",
        "the training pair is left out",
    ),
    "alike": Kind(
        "pictures that are much alike",
        False,
        "look whether they are the same, and delete one",
        STAYS,
        False,
    ),
    "blank": Kind("empty pictures", True, "scan or copy them again, or delete them", LEAVE_OUT),
    "inverted": Kind(
        "sketches with white lines on black", True, "invert them", "they are inverted"
    ),
    "swapped": Kind(
        "sketch and photo the other way round", True, "swap the two files", "they are swapped"
    ),
    "wrong_side": Kind(
        "sketches where photos should be, or photos where sketches should be",
        True,
        "put the right file there",
        LEAVE_OUT,
    ),
    "exchanged": Kind(
        "all sketches and photos exchanged",
        True,
        "name the folders with --sketches and --photos, or the --sketch-side",
        "nothing: name the sides first",
        False,
    ),
    "map_shape": Kind(
        "maps of another shape than their photo",
        True,
        "crop both alike, or get the photo's own map",
        LEAVE_OUT,
    ),
    "map_labels": Kind(
        "maps with numbers that are not classes of CelebAMask-HQ",
        False,
        "nothing where they only say where the person is; else renumber the classes",
        STAYS,
        False,
    ),
    "doubtful": Kind(
        "sketches that hardly fit their photo",
        False,
        "look at them; delete those of other people, align those that are framed otherwise (--align face --each)",
        STAYS,
        False,
    ),
    "mismatch": Kind(
        "sketches that do not fit their photo",
        True,
        "pair them with their own photo, or delete them; align those that are framed otherwise (--align face --each)",
        LEAVE_OUT,
    ),
}
# What --fix mends by changing the pictures; every other kind, except "kind", by leaving the pair
# out.
CHANGES = ("inverted", "swapped", "turned")
UNMENDED = tuple(
    name for name, kind in KINDS.items() if kind.stops and not kind.drops and name not in CHANGES
)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its kind, the subject's id, the files it is about, and what was
    seen.

    drop: the ids of the subjects that --fix leaves out for it.
    """

    kind: str
    id: str
    files: tuple[str, ...]
    detail: str
    drop: tuple[str, ...] = field(default=())


@dataclass
class Diagnosis:
    """What the doctor saw: the subjects, the facts about their pictures, and the findings, worst
    first.
    """

    source: Path
    subjects: list[Subject]
    facts: list[dict[str, PictureFacts]]
    findings: list[Finding] = field(default_factory=list)
    not_tested: list[str] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)  # of a source, where its layout knows them

    @property
    def root(self) -> Path:
        """The folder, or archive, below which the files are."""
        return self.source.parent if self.source.suffix == ".csv" else self.source

    @property
    def may_train(self) -> bool:
        """Whether there is a pair, and nothing was found that must not be trained with."""
        return bool(self.subjects) and not any(
            KINDS[finding.kind].stops for finding in self.findings
        )

    def counts(self) -> dict[str, int]:
        """Findings by kind: those that stop training first, each in the order of `KINDS`."""
        counted = Counter(finding.kind for finding in self.findings)
        return {
            kind: counted[kind]
            for kind in sorted(KINDS, key=lambda k: not KINDS[k].stops)
            if counted[kind]
        }

    def as_json(self) -> dict[str, Any]:
        """All of it for machines."""
        return {
            "source": printable(self.source),
            "subjects": len(self.subjects),
            "may_train": self.may_train,
            "counts": self.counts(),
            "findings": [
                {
                    "kind": f.kind,
                    "id": printable(f.id),
                    "files": [printable(name) for name in f.files],
                    "detail": printable(f.detail),
                    "drop": [printable(name) for name in f.drop],
                    "stops": KINDS[f.kind].stops,
                    "mend": KINDS[f.kind].mend,
                    "fix": KINDS[f.kind].fix,
                }
                for f in self.findings
            ],
            "not_tested": self.not_tested,
        }
