"""Models of the Hugging Face Hub, through huggingface_hub (extra `hub`): its cache, its address, its offline switches.

Nothing is fetched but by `fetch`, which `models get` and `Colorizer.from_pretrained` call; afterwards the model lies in
the store, and no connection is made. A model of the Hub is a bundle, or an ONNX file of another project.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path, PurePosixPath

from colorizegan.errors import ColorizeGANError, MissingExtraError, ModelError, UsageError, first_line
from colorizegan.model.bundle import PICKLES, list_bundles, open_bundle
from colorizegan.model.card import CARD, parse_card, write_page
from colorizegan.model.facts import facts_of, known_entries
from colorizegan.model.foreign import outside_files
from colorizegan.model.spec import ADDRESS, HOW_TO_ADDRESS, stored_bundle, try_model
from colorizegan.model.store import Entry, check_new_name, find_entry, hashes, is_name, keep, refuse_facts, store_folder


@dataclass(frozen=True)
class Offer:
    """What the Hub has under an address, before any weights are fetched."""

    asked: str
    """The address, `hf:OWNER/NAME[/FILE][@REVISION]`."""
    repository: str
    commit: str
    """Hash of the commit that the revision is now."""
    file: str
    """The ONNX file or zip; empty for a bundle of files."""
    licence: str
    files: tuple[str, ...] = field(default=())
    """All that would be fetched, as far as is known."""

    @property
    def source(self) -> str:
        """Repository and commit, in one text."""
        return f"hf:{self.repository}@{self.commit}"


def look_up(address: str) -> Offer:
    """Ask the Hub what an address means.

    UsageError where it is no address, or names several models; ModelError where there is no such thing, it may not be
    read, or the Hub does not answer; MissingExtraError where huggingface_hub is not installed.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise UsageError(f"{address!r} is no address of a model", remedy=HOW_TO_ADDRESS)
    repository, file, revision = match.groups()
    with hub_errors(address):
        from huggingface_hub import HfApi

        info = HfApi(library_name="colorizegan").model_info(repository, revision=revision)
    names = [sibling.rfilename for sibling in info.siblings or ()]
    facts = info.card_data.to_dict() if info.card_data is not None else {}
    licence = str(facts.get("license_name") or facts.get("license") or "not stated")
    if file is None and CARD not in names:
        found = [name for name in names if name.lower().endswith((".onnx", ".zip"))]
        if len(found) != 1:
            pickled = any(PurePosixPath(name).suffix.lower() in PICKLES for name in names)
            what = f"holds {len(found)} ONNX files" if found else "holds neither a bundle nor an ONNX file"
            remedy = f"name one: {address}/{found[0]}" if found else "use another"
            remedy = "fetch its .pth yourself and see `colorizegan convert`" if pickled and not found else remedy
            raise UsageError(f"{address} {what}", remedy=remedy)
        file = found[0]
    if file is not None and file not in names:
        raise UsageError(f"{repository} has no file {file}", remedy="correct the address")
    if file is not None and not file.lower().endswith((".onnx", ".zip")):
        raise UsageError(f"{file} is no model that is read", remedy="name an .onnx file, or a zip of a bundle")
    beside = [name for name in names if file is not None and name in (f"{file}.data", f"{file}_data", f"{file}.toml")]
    chosen = (file, *beside) if file is not None else (CARD,)
    return Offer(address, repository, str(info.sha), file or "", licence, chosen)


def fetch(offer: Offer, *, name: str = "", facts: Mapping[str, str | int] | None = None) -> Entry:
    """Fetch what was offered into the cache of huggingface_hub, try it, note its SHA-256, and keep it under a name.

    name: "" for the last part of the repository's name; facts: of an ONNX file, what is said of it.
    """
    name = name or free_name(offer)
    check_new_name(name)
    with hub_errors(offer.asked):
        from huggingface_hub import hf_hub_download

        def get(file: str) -> Path:
            path = hf_hub_download(offer.repository, file, revision=offer.commit, library_name="colorizegan")
            return Path(path)

        is_foreign = offer.file.lower().endswith(".onnx")
        paths = [get(file) for file in offer.files]
        if not offer.file:
            card = parse_card(paths[0].read_bytes(), paths[0])
            paths += [get(file) for file in card.files]
        elif is_foreign:
            folder, known = PurePosixPath(offer.file).parent, {path.name for path in paths}
            paths += [get(str(folder / name)) for name in outside_files(paths[0]) if name not in known]
    given = dict(facts or {})
    if is_foreign:
        named = {} if known_entries(paths[0].stem) else known_entries(offer.repository)  # model.onnx tells nothing
        named = {key: named[key] for key in ("layout", "size", "multiple", "fit") if key in named}
        licence = facts_of(paths[0], named | given).licence
        given = try_model(paths[0], given, named)
    else:
        refuse_facts(given)
        bundle = paths[0].parent if not offer.file else paths[0]
        licence = open_bundle(bundle).card.licence
        try_model(bundle)
    licence = offer.licence if offer.licence != "not stated" else licence
    entry = Entry(name, PurePosixPath(offer.file).name, hashes(paths), licence, offer.source, given, offer.asked)
    return keep(entry, paths)


def pretrained(address: str, revision: str | None = None) -> str:
    """What a model is opened by: a path or name as it is, a model of the Hub fetched if it is not here yet."""
    if not address.startswith("hf:"):
        there = address in list_bundles() or find_entry(address) or Path(address.partition("?")[0]).exists()
        if there or ADDRESS.fullmatch(f"hf:{address}") is None:
            return address
        address = f"hf:{address}"
    if revision is not None:
        address = f"{address}@{revision}"
    entry = find_entry(address)
    return (entry or fetch(look_up(address))).name


def free_name(offer: Offer) -> str:
    """A name for a model of the Hub: that of the repository, with its owner's where that is taken."""
    owner, _, short = offer.repository.partition("/")
    taken = {*list_bundles(), *(path.name for path in store_folder().glob("*"))}
    for name in (short, f"{owner}--{short}", f"{owner}--{short}--{offer.commit[:8]}"):
        if is_name(name) and name not in taken:
            return name
    raise UsageError(f"there is a model {short} already", remedy="give another name")


def push_to_hub(model: str | PathLike[str], repository: str, *, private: bool = False) -> str:
    """Send a bundle to the Hub, with its card as README.md, in one commit; return the address of the commit.

    Args:
        model: the bundle's folder or zip, or its name.
        repository: "OWNER/NAME"; made if there is none.
        private: where it is made, only its owner sees it.

    Raises:
        UsageError, ModelError, MissingExtraError: as for `look_up`; ModelError where `model` is no bundle.
    """
    if ADDRESS.fullmatch(f"hf:{repository}") is None:
        raise UsageError(f"{repository!r} is no name of a repository", remedy="write OWNER/NAME")
    bundle = open_bundle(stored_bundle(model))
    with tempfile.TemporaryDirectory(prefix="colorizegan-") as name, hub_errors(f"hf:{repository}"):
        from huggingface_hub import HfApi

        folder = Path(name)
        for file in (CARD, *bundle.card.files):
            shutil.copyfile(bundle.onnx.parent / file, folder / file)
        entries = json.loads((folder / CARD).read_text("utf-8"))
        (folder / "README.md").write_text(write_page(bundle.card, entries, repository, bundle.digest), "utf-8")
        api = HfApi(library_name="colorizegan")
        api.create_repo(repository, private=private, exist_ok=True)
        version = f"{bundle.card.name} {bundle.card.version}"
        return str(api.upload_folder(repo_id=repository, folder_path=folder, commit_message=version).commit_url)


@contextmanager
def hub_errors(address: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into one line."""
    try:
        from huggingface_hub import errors
    except ImportError:
        what = "models of the Hugging Face Hub need huggingface_hub, which is not installed"
        raise MissingExtraError(what, extra="hub") from None
    try:
        yield
    except ColorizeGANError:
        raise
    except errors.OfflineModeIsEnabled:
        raise ModelError(
            "is not here yet, and HF_HUB_OFFLINE forbids to fetch it", path=address, remedy="unset it once"
        ) from None
    except errors.GatedRepoError:
        remedy = "ask for access on its page, and log in with `hf auth login`"
        raise ModelError("is only for those whom its owner lets in", path=address, remedy=remedy) from None
    except errors.RepositoryNotFoundError:
        what = "there is no such repository, or it is private"
        raise ModelError(what, path=address, remedy="correct the address, or log in with `hf auth login`") from None
    except errors.RevisionNotFoundError:
        raise ModelError("has no such revision", path=address, remedy="correct what follows @") from None
    except errors.EntryNotFoundError as error:
        raise ModelError(f"has no such file ({first_line(error)})", path=address) from None
    except Exception as error:  # httpx's, requests', urllib3's and its own, by version
        what = f"could not be reached ({type(error).__name__}: {first_line(error)})"
        raise ModelError(what, path=address, remedy="try again") from None
