"""What can be wrong with a data set: kinds of findings, how bad each is, how it is mended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.check.examine import PictureFacts, Subject

LEAVE_OUT = "the pair is left out"
STAYS = "the pair stays (--drop-doubtful leaves it out)"
ALL_PAIRS = "all pairs"  # the id of a finding about the whole set


@dataclass(frozen=True)
class Kind:
    """A kind of finding. stops: training must not start with it. mend: what a person does. fix:
    what --fix does. drops: --fix leaves the pair out.
    """

    title: str
    mend: str
    fix: str = LEAVE_OUT
    stops: bool = True
    drops: bool = True


KINDS: dict[str, Kind] = {
    "missing": Kind(
        "files that the manifest lists but that are missing", "copy them beside the manifest"
    ),
    "split": Kind("rows without a known split", "write train, val or test there"),
    "manifest": Kind(
        "a manifest that training refuses",
        "correct the line",
        "ids are made unique, and it is written as UTF-8",
    ),
    "unmatched": Kind(
        "pictures without a partner",
        "rename them like their partner, or delete them",
        stops=False,
    ),
    "unreadable": Kind("files that cannot be read", "copy or download them again, or delete them"),
    "sizes": Kind(
        "sketches of another shape than their photo",
        "crop both alike, or use --align face --each",
    ),
    "not_square": Kind(
        "pictures that are not square",
        "make squares: data_prep pairs DATA OUT --align face, or --fit pad",
        "nothing: make squares of them",
        drops=False,
    ),
    "unaligned": Kind(
        "most sketches do not lie on their photos",
        "align each by its own face: --align face --each; where they are other people's, pair them"
        " anew",
        "nothing: align them first",
        drops=False,
    ),
    "identity": Kind(
        "people who are in more than one split",
        "put all pictures of a person into one split",
        "their training pairs are left out",
    ),
    "names": Kind(
        "names that may be one person's, who then is in more than one split",
        "say where a name has the person: --identity '^(.+)_'",
        "nothing, without --identity",
        stops=False,
        drops=False,
    ),
    "duplicate": Kind(
        "pictures that occur twice",
        "delete one of them",
        "one of them is left out, with its partner",
        stops=False,
    ),
    "leak": Kind(
        "the same picture in two splits",
        "delete it from training",
        "the training pair is left out",
    ),
    "alike": Kind(
        "pictures that are much alike",
        "look whether they are the same, and delete one",
        STAYS,
        stops=False,
        drops=False,
    ),
    "blank": Kind("empty pictures", "scan or copy them again, or delete them"),
    "inverted": Kind("sketches with white lines on black", "invert them", "they are inverted"),
    "swapped": Kind(
        "sketch and photo the other way round", "swap the two files", "they are swapped"
    ),
    "wrong_side": Kind(
        "sketches where photos should be, or photos where sketches should be",
        "put the right file there",
    ),
    "exchanged": Kind(
        "all sketches and photos exchanged",
        "name the folders with --sketches and --photos, or the --sketch-side",
        "nothing: name the sides first",
        drops=False,
    ),
    "doubtful": Kind(
        "sketches that hardly fit their photo",
        "look at them; delete those of other people, align those that are framed otherwise"
        " (--align face --each)",
        STAYS,
        stops=False,
        drops=False,
    ),
    "mismatch": Kind(
        "sketches that do not fit their photo",
        "pair them with their own photo, or delete them; align those that are framed otherwise"
        " (--align face --each)",
    ),
}
CHANGES = ("inverted", "swapped")  # what --fix mends by changing the pictures
UNMENDED = ("not_square", "unaligned", "exchanged")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong:
    its kind, the subject's id, the files it is about, and what was seen.

    drop: the ids of the subjects that --fix leaves out for it.
    """

    kind: str
    id: str
    files: tuple[str, ...]
    detail: str
    drop: tuple[str, ...] = ()


@dataclass
class Diagnosis:
    """What was seen of a set:
    the subjects, the facts about their pictures, and the findings, worst first.
    """

    source: Path
    subjects: list[Subject]
    facts: list[dict[str, PictureFacts]]
    findings: list[Finding] = field(default_factory=list)
    not_tested: list[str] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)  # of a source, where its layout knows them

    @property
    def root(self) -> Path:
        """The folder below which the files are."""
        return self.source.parent if self.source.suffix == ".csv" else self.source

    @property
    def may_train(self) -> bool:
        """Whether there is a pair, and nothing was found that must not be trained with."""
        stops = any(KINDS[finding.kind].stops for finding in self.findings)
        return bool(self.subjects) and not stops

    def counts(self) -> dict[str, int]:
        """Findings by kind: those that stop training first, each in the order of `KINDS`."""
        counted = Counter(finding.kind for finding in self.findings)
        ordered = sorted(KINDS, key=lambda kind: not KINDS[kind].stops)
        return {kind: counted[kind] for kind in ordered if counted[kind]}

    def add(
        self, kind: str, place: int, sides: tuple[str, ...], detail: str, drop: bool = True
    ) -> None:
        """Add a finding about the subject at a place, and its files of these sides."""
        subject = self.subjects[place]
        shown = tuple(self.shown(getattr(subject, side) or subject.photo) for side in sides)
        self.findings.append(
            Finding(kind, subject.id, shown, detail, (subject.id,) if drop else ())
        )

    def add_to_all(self, kind: str, detail: str) -> None:
        """Add a finding about the whole set."""
        self.findings.append(Finding(kind, ALL_PAIRS, (), detail))

    def shown(self, path: str) -> str:
        """A path as it is shown: below the set's folder."""
        try:
            return Path(path).relative_to(self.root).as_posix()
        except ValueError:
            return path

    def usable(self, side: str) -> dict[int, PictureFacts]:
        """Place → facts of the pictures of one side that could be read and are not blank."""
        seen = {}
        for n, facts in enumerate(self.facts):
            if side in facts and not facts[side].error and not facts[side].is_blank:
                seen[n] = facts[side]
        return seen
