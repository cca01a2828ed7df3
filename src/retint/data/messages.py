"""The wording of what can be wrong with a data set: which file, what was found, what was expected, how to mend it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from retint.images import volume_stem

Kind = tuple[int, str]  # channels and dtype of an image

_VALUES = 5  # values told of one file
_MAPPED = 16  # values in a command


def empty(images: Path, inside: Sequence[str], parts: Mapping[str, str], needed: bool) -> str:
    """A part without images. `inside` it are folders with some, of which `parts` seem to be meant as parts."""
    if not inside:
        or_not = "" if needed else f", or remove {images.parent}"
        return f"{images}: found no images; expected at least one: put some there{or_not}"
    found = f"{images}: found images only in folders inside it ({_few(inside)}), which are not read"
    if not parts:
        return f"{found}; expected them right there: move them up, and their labels likewise"
    wanted = (
        f"{name} into {images.parent / part / 'images'}, its labels into {images.parent / part / 'labels'}"
        for name, part in parts.items()
    )
    return f"{found}; expected images/ and labels/ in each part: move {'; '.join(wanted)}"


def not_read(images: Path, inside: Sequence[str]) -> str:
    """Folders with images inside `images/`, beside others that are right there."""
    return (
        f"{images}: found images in folders inside it ({_few(inside)}), too, which are not read; expected all right there: "
        f"move them up, and their labels likewise"
    )


def not_used(folder: Path, part: str | None, flat: bool) -> str:
    """A folder that looks like a part; `part` is the one that its name means."""
    if flat:
        mend = f"move images/ and labels/ into train/, and rename it {part or 'val'}/"
    elif part and (folder.parent / part).exists():
        mend = f"move what it holds into {part}/"
    else:
        mend = f"rename it {f'{part}/' if part else 'val/ or test/, if it is one'}"
    return f"{folder}: found images that are not used; expected parts named train/, val/ and test/: {mend}"


def in_both(image: Path, other: Path, count: int, part: str) -> str:
    """Images that are learned from and scored on."""
    return (
        f"{image}: found the same image as {other}, one of {count} in {part}/ that are in train/, too; expected others, as "
        f"scores on images that were learned from mean little: move them out of one of the two"
    )


def twice(image: Path, other: Path, count: int) -> str:
    """Images that are there more than once, where some are held out."""
    return (
        f"{image}: found the same image as {other}, one of {count} such copies; expected each image once, as it may be "
        f"learned from and its copy held out: move the copies away"
    )


def mixed(root: Path, files: Sequence[Path], of: int, dims: int) -> str:
    """Files of the other number of dimensions than their set's."""
    names = _few([str(file.relative_to(root)) for file in files])
    found, expected = ("volumes", "2-D images") if dims == 2 else ("2-D images", "volumes")
    return (
        f'{root}: found {found} ({names}); expected all {of} files to be {expected}, as "dims" in '
        f"classes.json or else the first image says: make a set of each kind"
    )


def other_spacing(image: Path, found: Sequence[float], usual: Sequence[float]) -> str:
    """A volume of much coarser or finer voxels than most."""
    told, wanted = (" x ".join(f"{size:g}" for size in spacing) for spacing in (found, usual))
    return f"{image}: found voxels of {told}; expected about {wanted}, as most have: resample it and its labels"


def same_name(files: Sequence[Path]) -> str:
    """Several files of one stem, so that nobody knows which one counts."""
    names, stem = ", ".join(file.name for file in files), volume_stem(files[0])
    return f"{files[0].parent}: found {names}; expected one file named {stem}: rename or remove the others"


def no_labels_folder(labels: Path) -> str:
    """A part without `labels/`."""
    return f"{labels}: missing; expected a file of class indices for each image, of the same name: put them there"


def no_labels(labels: Path, image: Path, found: str | None) -> str:
    """An image without labels; `found` is what has its name and cannot be its labels."""
    wrong = f"found {found}" if found else "missing"
    kinds = "PNG or TIFF" if labels.suffix == ".png" else "TIFF stack, NIfTI or OME-Zarr"
    # what is there looks like labels that somebody made, so that the image is not left out with those that have none
    mend = "or move that away" if found else f"move {image} away, or train with --labels some"
    return f"{labels}: {wrong}; expected a {kinds} of class indices: make it, {mend}"


def left_out(images: Path, count: int, of: int) -> str:
    """Images that nobody has labelled yet."""
    return f"{images}: {count} of {of} images have no labels and are left out"


def no_image(labels: Path, images: Path, found: str | None) -> str:
    """Labels without an image; `found` is what has its name and is none."""
    but = f", but {found}" if found else ""
    return f"{labels}: found no image named {volume_stem(labels)} in {images}{but}; expected one: add it, or move the labels away"


def other_size(labels: Path, found: tuple[int, ...], image: tuple[int, ...]) -> str:
    """Labels of another size than their image; both sizes as (rows, columns) or (slices, rows, columns)."""
    told, wanted = (" x ".join(map(str, reversed(shape))) for shape in (found, image))
    return (
        f"{labels}: found {told} {'pixels' if len(found) == 2 else 'voxels'}; expected {wanted}, the size of its image: "
        f"save it again at that size, with nearest-neighbour resampling"
    )


def other_format(image: Path, found: Kind, usual: Kind, having: int, images: int) -> str:
    """An image with other channels or another dtype than most."""
    return (
        f"{image}: found {_format(found)}; expected {_format(usual)}, as {having} of the {images} images have: "
        f"convert it, or move it and its labels away"
    )


def not_finite(image: Path, count: int) -> str:
    """An image with NaN or infinity."""
    return f"{image}: found {count} values that are NaN or infinite; expected numbers: fill them in"


def out_of_range(labels: Path, values: Mapping[int, int], classes: int, ignore: int, mend: str) -> str:
    """Labels with values that are no class, and how many pixels each has."""
    told = ", ".join(f"{value} ({pixels} pixels)" for value, pixels in list(values.items())[:_VALUES])
    more = f" and {len(values) - _VALUES} more values" if len(values) > _VALUES else ""
    return f"{labels}: found {told}{more}; expected class indices 0 to {classes - 1}, or {ignore} for ignore: {mend}"


def mend_counted_from_one(root: Path, classes: int) -> str:
    """The command for a set whose labels start at 1."""
    return f"all labels count from 1, so make them count from 0: retint convert {root} --map {from_one(classes)}"


def from_one(classes: int) -> str:
    """The mapping that makes labels from 1 count from 0."""
    return ",".join(f"{k + 1}={k}" for k in range(classes))


def mend_strange(root: Path, values: Sequence[int], ignore: int) -> str:
    """The command for values that are no class, over the whole set."""
    mapping = ",".join([*(f"{value}={ignore}" for value in values[:_MAPPED]), *(["..."] if len(values) > _MAPPED else [])])
    return f"name more classes in classes.json, or ignore them: retint convert {root} --map {mapping}"


def only_0_and_255(root: Path, masks: int, classes: Sequence[str]) -> str:
    """Masks as drawing programs make them, where 255 is the object and not ignore."""
    return (
        f"{root}: found only 0 and 255 in all {masks} masks, where 255 means ignore; expected class indices "
        f"0 to {len(classes) - 1}: if 255 stands for {classes[1]}, retint convert {root} --map 255=1"
    )


def part_of_0_and_255(folder: Path, masks: int, classes: Sequence[str]) -> str:
    """The same of a part alone, where others show that 255 may well be ignore."""
    return (
        f"{folder}: found only 0 and 255 in its {masks} masks, where 255 means ignore; expected more classes, as other parts "
        f"have them: if 255 stands for {classes[1]} here, retint convert {folder} --map 255=1"
    )


def nothing_labelled(root: Path, masks: int) -> str:
    """A set where every pixel is ignored."""
    return f"{root}: found only 255, which means ignore, in all {masks} masks; expected classes: label some pixels"


def coloured(labels: Path, root: Path) -> str:
    """A mask in colours, or a volume that does not say that it is one."""
    volumes = (
        '; if these are volumes, write "dims": 3 into classes.json'
        if labels.suffix.lower() in (".tif", ".tiff")
        else ""
    )
    return (
        f"{labels}: found a mask in colours; expected one channel of class indices: "
        f"retint convert {root} --palette palette.json{volumes}"
    )


def palette(root: Path, masks: int, proposal: Mapping[str, int], clear: int) -> str:
    """The palette that a set of coloured masks could be converted with; `clear` of their pixels are transparent."""
    ignored = f", and {clear} transparent pixels, which will be ignored (255)" if clear else ""
    return (
        f"{root}: found {len(proposal)} colours in {masks} masks{ignored}; expected to be told their classes: "
        f"correct this and save it as palette.json: {json.dumps(proposal)}"
    )


def other_class(labels: Path, shown: int, colour: str, of: int, classes: Sequence[str], root: Path) -> str:
    """A mask whose palette shows class `shown` in the colour of class `of`."""
    return (
        f'{labels}: found {classes[shown]} ({shown}) in {colour}, which "colours" in classes.json gives to {classes[of]} ({of}); '
        f"expected the same from both, as masks are read by index: if the colours are right, "
        f'retint convert {root} --palette palette.json; if the indices are, correct "colours" or leave it out'
    )


def other_colour(labels: Path, shown: str, colour: str, wanted: str, where: Path, count: int, root: Path) -> str:
    """A mask whose palette shows a class in another colour than `where` does, and how many such there are."""
    return (
        f"{labels}: found {shown} in {colour}; expected {wanted}, as in {where} ({count} such masks): they are read by "
        f"index, so if it is the colours that are right, retint convert {root} --palette palette.json"
    )


def never_occurs(folder: Path, name: str, index: int) -> str:
    """A class without a pixel."""
    return f"{folder}: no pixel is labelled {name} ({index}), so no model can learn it: label some, or remove the class"


def all_ignored(labels: Path, ignore: int) -> str:
    """Labels without a labelled pixel."""
    return f"{labels}: every pixel is ignored ({ignore}), so it counts for nothing: label some, or move it away"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _VALUES} more" if len(names) > _VALUES else ""
    return f"{', '.join(names[:_VALUES])}{more}"


def _format(kind: Kind) -> str:
    channels, dtype = kind
    return f"{channels} channel{'s' if channels != 1 else ''} of {dtype}"
