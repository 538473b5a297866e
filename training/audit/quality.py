"""Findings about single pictures and about the set: too small, too dark, blurred, uneven, of mixed kinds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from training.audit.record import AuditFinding, Listed, make_finding
from training.dataset.image_stats import Facts
from training.dataset.scan import Photograph

# Mean brightness of 255: outside of this hardly anything can be recognised.
MIN_LUMA, MAX_LUMA = 20.0, 240.0
# A picture that is nearly all black or white shows nothing, whatever its mean is.
ONE_TONE_SHARE = 0.98
# Of the class's median sharpness.
MIN_SHARPNESS = 0.1
# The median of fewer pictures is chance; the whole set's is taken then.
MIN_FOR_A_MEDIAN = 5
# Times as many photographs as the smallest class has: a note from the first on, a warning from the second.
UNEVEN, VERY_UNEVEN = 2.0, 5.0
# Photographs to train on: a note below the first, a warning below the second.
FEW, VERY_FEW = 50, 20
# So many of one shape make a set uniform.
USUAL_SHARE = 0.95
# A kind that one class has this much more often than another tells the two apart by itself.
TELLING_SHARE = 0.8
# Times the short side of the smallest: details then differ too much for one network.
MAX_SIZE_RATIO = 4.0
# More names than this make the sentence unreadable.
MAX_NAMED = 5

Measured = Sequence[tuple[Photograph, Facts]]


def measured(photographs: Sequence[Photograph]) -> Measured:
    """The photographs that have facts, with them."""
    return [(p, p.facts) for p in photographs if p.facts is not None]


def picture_findings(pictures: Measured, size_px: int) -> Iterator[AuditFinding]:
    """Tiny, dark, bright and blurred photographs."""
    tests: list[tuple[str, Callable[[Facts], bool], Callable[[Facts], str], str]] = [
        (
            "tiny",
            lambda f: 2 * min(f.width_px, f.height_px) < size_px,
            lambda f: f"{f.width_px}×{f.height_px}",
            f"less than half of the network's {size_px} px; take larger ones, or use a smaller --size",
        ),
        (
            "dark",
            _is_dark,
            lambda f: f"brightness {f.luma:.0f}",
            "nearly black; take them again with light",
        ),
        (
            "bright",
            _is_bright,
            lambda f: f"brightness {f.luma:.0f}",
            "nearly white; take them again with less light",
        ),
    ]
    for kind, holds, note, message in tests:
        files = [(f.luma, Listed(path=p.name, note=note(f))) for p, f in pictures if holds(f)]
        if files:
            listed = [listed for _, listed in sorted(files, key=lambda file: file[0])]
            yield make_finding(kind, "warning", f"{_photographs(len(files))} {message}", listed)  # type: ignore[arg-type]
    yield from _blurred(pictures)


def _is_dark(facts: Facts) -> bool:
    return facts.luma < MIN_LUMA or facts.black_share >= ONE_TONE_SHARE


def _is_bright(facts: Facts) -> bool:
    return facts.luma > MAX_LUMA or facts.white_share >= ONE_TONE_SHARE


def _blurred(pictures: Measured) -> Iterator[AuditFinding]:
    """Far less sharp than is usual in the class: how sharp a picture can be depends on what it shows."""
    by_label: dict[str, list[float]] = defaultdict(list)
    for photograph, facts in pictures:
        by_label[photograph.label].append(facts.sharpness)
    whole = [facts.sharpness for _, facts in pictures]
    usual = {
        label: median(values if len(values) >= MIN_FOR_A_MEDIAN else whole)
        for label, values in by_label.items()
    }
    shares = [
        (facts.sharpness / usual[photograph.label], photograph)
        for photograph, facts in pictures
        if usual[photograph.label] > 0 and not (_is_dark(facts) or _is_bright(facts))
    ]
    blurred = sorted(((s, p) for s, p in shares if s < MIN_SHARPNESS), key=lambda pair: pair[0])
    if blurred:
        listed = [Listed(path=p.name, note=f"sharpness {s:.0%} of its class's") for s, p in blurred]
        message = (
            f"{_photographs(len(blurred))} far less sharp than others of the class; delete the blurred ones"
        )
        yield make_finding("blurred", "warning", message, listed)


def count_findings(counts: Mapping[str, Mapping[str, int]]) -> Iterator[AuditFinding]:
    """Classes with too few photographs, or far fewer than others; counts by label and part."""
    totals = {label: sum(parts.values()) for label, parts in counts.items()}
    least, most = min(totals, key=totals.__getitem__), max(totals, key=totals.__getitem__)
    ratio = totals[most] / max(1, totals[least])
    if ratio >= UNEVEN:
        message = (
            f"{most} has {ratio:.1f} times as many photographs as {least} ({totals[most]} and "
            f"{totals[least]}): add to the small classes"
        )
        yield make_finding("imbalance", "warning" if ratio >= VERY_UNEVEN else "note", message)
    train = {label: parts.get("train", 0) for label, parts in counts.items()}
    few = sorted((label for label in train if train[label] < FEW), key=lambda label: (train[label], label))
    if few:
        severity = "warning" if train[few[0]] < VERY_FEW else "note"
        named = ", ".join(f"{label} ({train[label]})" for label in few[:MAX_NAMED])
        more = f" and {len(few) - MAX_NAMED} more classes" if len(few) > MAX_NAMED else ""
        message = f"{named}{more}: fewer than {FEW} photographs to train on, more would help"
        yield make_finding("few_photographs", severity, message)  # type: ignore[arg-type]


def mixture_findings(pictures: Measured) -> Iterator[AuditFinding]:
    """Pictures of other shapes, sizes or colour than most; serious where that alone tells the class."""
    shapes = [(p.label, _shape(f)) for p, f in pictures]
    sizes = sorted(min(f.width_px, f.height_px) for _, f in pictures)
    low, high = sizes[len(sizes) // 20], sizes[-1 - len(sizes) // 20]
    if _share_of_usual(shapes) < USUAL_SHARE or high >= MAX_SIZE_RATIO * low:
        files = _unusual(pictures, _shape, lambda f: f"{f.width_px}×{f.height_px}")
        told = _telling(shapes)
        sides = f"{low} to {high}" if low != high else str(low)
        message = f"{len({s for _, s in shapes})} shapes (width to height), short side {sides} px"
        message += (
            f": {told}, so a model may learn the shape"
            if told
            else "; choose --fit with the camera's in mind"
        )
        yield make_finding("mixed_sizes", "warning" if told else "note", message, files)
    stored = [(p.label, _stored(f)) for p, f in pictures]
    if len({kind for _, kind in stored}) > 1:
        files = _unusual(pictures, _stored, _stored)
        told = _telling(stored)
        message = ", ".join(
            f"{count} {kind}" for kind, count in Counter(kind for _, kind in stored).most_common()
        )
        message += (
            f": {told}, so a model may learn the colour" if told else "; use what the camera will deliver"
        )
        yield make_finding("mixed_channels", "warning" if told else "note", message, files)


def _shape(facts: Facts) -> str:
    """The aspect ratio in steps of a tenth, as people say it."""
    return f"{round(facts.width_px / facts.height_px, 1):g}:1"


def _stored(facts: Facts) -> str:
    return {1: "grey", 4: "transparent"}.get(facts.channels, "colour")


def _share_of_usual(kinds: Sequence[tuple[str, str]]) -> float:
    return Counter(kind for _, kind in kinds).most_common(1)[0][1] / len(kinds)


def _unusual(pictures: Measured, kind: Callable[[Facts], str], note: Callable[[Facts], str]) -> list[Listed]:
    usual = Counter(kind(facts) for _, facts in pictures).most_common(1)[0][0]
    return [Listed(path=p.name, note=note(f)) for p, f in pictures if kind(f) != usual]


def _telling(kinds: Sequence[tuple[str, str]]) -> str:
    """In words, where most of one class and hardly any of another are of one kind; "" where none is so."""
    sizes = Counter(label for label, _ in kinds)
    counts = Counter(kinds)
    for kind in sorted({kind for _, kind in kinds}):
        share = {label: counts[label, kind] / sizes[label] for label in sizes}
        most, least = max(share, key=share.__getitem__), min(share, key=share.__getitem__)
        if share[most] - share[least] >= TELLING_SHARE:
            return f"{share[most]:.0%} of {most} and {share[least]:.0%} of {least} are {kind}"
    return ""


def _photographs(count: int) -> str:
    return f"{count} photograph{'s' * (count != 1)}"
