"""What a run has to learn from, and the card of the model that it makes."""

from __future__ import annotations

from collections.abc import Sequence

from ..data import FLAT, Dataset, Pair, Report, Tagged, hold_out, read_tags
from ..errors import RetintError
from ..modelfile import Card
from ..network import architecture
from ..pictures import default_palette
from .settings import Settings
from .survey import Survey


def parts(
    data: Dataset, exclude: Sequence[str], limit: int | None, labels: str = "pixels"
) -> tuple[list[Pair], list[Pair], list[Tagged]]:
    """The images to learn from, those to validate on, and those to learn from that have tags and no labels.

    Raises:
        RetintError: there are none to learn from, or tags are asked for where they are not possible.
    """
    if FLAT not in data.splits and "train" not in data.splits:
        raise RetintError(
            f"{data.root}: found {' and '.join(f'{name}/' for name in data.splits)}; expected train/ with the images to learn from: put "
            "some there"
        )
    split = data.splits[FLAT if FLAT in data.splits else "train"]
    rest, held = (split.pairs, data.splits["val"].pairs) if "val" in data.splits else hold_out(split.pairs)
    learn = [pair for pair in rest if not pair.stem.startswith(tuple(exclude))]
    if limit is not None and limit < len(learn):
        learn = [learn[round(k * (len(learn) - 1) / max(limit - 1, 1))] for k in range(limit)]
    tagged = []
    if labels == "tags":
        if data.dims == 3:
            raise RetintError(f"--labels tags: {data.root} holds volumes; tags are for images")
        known = {pair.stem for pair in split.pairs}
        every = read_tags(split.folder, data.classes)
        tagged = [one for one in every if one.stem not in known and not one.stem.startswith(tuple(exclude))]
    if not learn and not tagged:
        raise RetintError(f"{data.root}: no images are left to learn from")
    return learn, list(held), tagged


def card_of(
    data: Dataset,
    arch: str,
    checked: Report,
    seen: Survey,
    settings: Settings,
    learn: int,
    held: int,
    tagged: Sequence[Tagged],
) -> Card:
    """The card of a model that a run is to make, its scores still to come; `learn` and `held` are numbers of images."""
    colours = data.colours or default_palette(len(data.classes))
    trained_on = {
        "data": data.root.resolve().name,
        "images": learn,
        "validation_images": held,
        "settings": settings.to_dict(),
    }
    if tagged:
        trained_on |= {"tagged_images": len(tagged), "one_tag_each": all(len(one.tags) == 1 for one in tagged)}
    return Card(
        architecture=architecture(arch).to_dict(), classes=data.classes, colours=tuple(colours), channels=checked.channels,
        dtype=checked.dtype, mean=seen.mean, std=seen.std, steps=architecture(arch).steps if settings.window else 1,
        detail=seen.detail, image_size=seen.size, object_size=dict(zip(data.classes, seen.object_size, strict=True)),
        spacing=checked.spacing, unit=checked.unit, trained_on=trained_on,
    )  # fmt: skip
