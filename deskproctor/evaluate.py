"""`deskproctor evaluate`: figures of the detectors and rules on a folder of labelled photos and clips."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from appliance.edge_ai.assembly import analysis
from appliance.edge_ai.identity import SAME_PERSON, NoReference, likeness
from appliance.edge_ai.picture import Floats
from appliance.edge_ai.session_watch import SessionWatch
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.stills import shown_from
from deskproctor.detect import FACE_FROM, Detectors
from deskproctor.evaluation.clips import ClipFigures, clip_figures, score_clip
from deskproctor.evaluation.conditions import CONDITIONS
from deskproctor.evaluation.labels import Item, Labels, read_labels
from deskproctor.evaluation.page import page
from deskproctor.evaluation.pairs import pair_figures
from deskproctor.evaluation.photos import Sight, face_figures, fairness_figures, lightness_of, object_figures
from deskproctor.offline import SESSION, Change, Pictures, read_policy, watch
from deskproctor.person import PersonFinder
from deskproctor.photo import read_photo
from deskproctor.soundtrack import heard_in
from proctoring.policy import Policy

PHOTOS: Final = ("faces", "objects")
PARTS: Final = (*PHOTOS, "identity", "clips")

Step = Callable[[str], None]
"""Told the name of each file once it is done."""


class Evaluation:
    """Runs the shipped detectors over a labelled folder."""

    def __init__(self, folder: Path, labels: Labels, policy: Policy) -> None:
        """Raises what the models raise."""
        self._folder = folder
        self._labels = labels
        self._policy = policy
        self._settings = EdgeAISettings()
        self._detectors = Detectors(self._settings)
        self._lightness: dict[str, float | None] = {}

    def head(self) -> dict[str, Any]:
        """What was evaluated."""
        networks = self._detectors.networks
        return {"models": networks.hashes, "runtime": networks.runtime, "policy": self._policy.version}

    def photos(self, change: Change, step: Step) -> list[Sight]:
        """What is seen in each photo. Raises `PhotoUnusable`."""
        return [self._sight(item, change, step) for item in self._labels.photos]

    def pairs(self, change: Change, step: Step) -> dict[str, Any]:
        """The figures of the pairs of photos. Raises `PhotoUnusable`."""
        pairs = self._labels.face_pairs
        persons = PersonFinder(self._detectors.networks) if pairs else None
        people = {file: self._person(persons, file, change, step) for file in self._labels.paired} if persons else {}
        likenesses: dict[bool, list[float]] = {True: [], False: []}
        for pair in pairs:
            a, b = people[pair.a], people[pair.b]
            if a is not None and b is not None:
                likenesses[pair.same].append(likeness(a, b))
        compared = len(likenesses[True]) + len(likenesses[False])
        return pair_figures(likenesses[True], likenesses[False], SAME_PERSON, len(pairs) - compared)

    def clips(self, change: Change, step: Step) -> list[ClipFigures]:
        """The figures of each clip. Raises `VideoUnusable`."""
        return [self._clip(item, change, step) for item in self._labels.clips]

    def _sight(self, item: Item, change: Change, step: Step) -> Sight:
        picture = read_photo(self._folder / item.file)
        faces, items = self._detectors.see(change(picture))
        # The first condition is the pictures as they are: how light a face is, is asked of those alone.
        lightness = self._lightness.setdefault(item.file, lightness_of(item, picture, faces))
        step(item.file)
        return Sight(item, faces, items, lightness)

    def _person(self, persons: PersonFinder, file: str, change: Change, step: Step) -> Floats | None:
        step(file)
        try:
            return persons.person_on(change(read_photo(self._folder / file)))
        except NoReference:
            return None

    def _clip(self, item: Item, change: Change, step: Step) -> ClipFigures:
        policy = self._policy
        pictures = Pictures(self._folder / item.file, policy.recording, self._settings.frames_per_s)
        analyser, models, _ = analysis(self._settings, self._detectors.networks)
        analyser.begin(None, policy)
        voices = heard_in(self._folder / item.file, pictures.start_ms)
        watcher = SessionWatch(SESSION, 0, policy, models | voices.models)
        watched = watch(pictures, analyser, watcher, change=change, voices=voices)
        step(item.file)
        return score_clip(item.file, watched.duration_ms / 1000, item.events, watched.flags, policy)


def figures(
    evaluation: Evaluation, policy: Policy, parts: tuple[str, ...], conditions: tuple[str, ...], step: Step
) -> dict[str, Any]:
    """All figures that were asked for: part by part, and in each part condition by condition."""
    told: dict[str, Any] = evaluation.head()
    for condition in conditions:
        change = CONDITIONS[condition]
        if set(parts) & set(PHOTOS):
            for part, found in _of_photos(evaluation.photos(change, step), policy).items():
                if part in parts or (part == "fairness" and "faces" in parts):
                    told.setdefault(part, {})[condition] = found
        if "identity" in parts:
            told.setdefault("identity", {})[condition] = evaluation.pairs(change, step)
        if "clips" in parts:
            told.setdefault("clips", {})[condition] = clip_figures(evaluation.clips(change, step))
    return told


def _of_photos(sights: list[Sight], policy: Policy) -> dict[str, Any]:
    return {
        "faces": face_figures(sights, FACE_FROM),
        "fairness": fairness_figures(sights, FACE_FROM),
        "objects": object_figures(sights, {label: shown_from(label) for label in policy.prohibited}),
    }


def told(result: dict[str, Any]) -> str:
    """The figures for people: the page without its formatting would say no less."""
    return page(result)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--policy", "policy_file", type=click.Path(path_type=Path), help="The rules (TOML); else the shipped.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a page in Markdown.")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Only this part; may be given several times.")
@click.option("--condition", multiple=True, type=click.Choice(list(CONDITIONS)), help="Only under this condition.")
@click.option("--page", "page_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the page as well.")
def evaluate(
    folder: Path,
    policy_file: Path | None,
    as_json: bool,
    only: tuple[str, ...],
    condition: tuple[str, ...],
    page_file: Path | None,
) -> None:
    """Measure the detectors and rules on a folder of photos and clips with a labels.json."""
    labels, policy = read_labels(folder), read_policy(policy_file)
    parts, conditions = only or PARTS, condition or tuple(CONDITIONS)
    evaluation = Evaluation(folder, labels, policy)
    with _progress(len(conditions) * _files(labels, parts)) as step:
        result = figures(evaluation, policy, parts, conditions, step)
    if page_file:
        page_file.write_text(page(result))
    click.echo(msgspec.json.encode(result).decode() if as_json else told(result))


def _files(labels: Labels, parts: tuple[str, ...]) -> int:
    photos = len(labels.photos) if set(parts) & set(PHOTOS) else 0
    pairs = len(labels.paired) if "identity" in parts else 0
    return photos + pairs + (len(labels.clips) if "clips" in parts else 0)


@contextmanager
def _progress(files: int) -> Iterator[Step]:
    with click.progressbar(length=max(files, 1), label="Evaluating", file=sys.stderr) as bar:

        def step(file: str) -> None:
            del file
            bar.update(1)

        yield step
