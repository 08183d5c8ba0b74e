"""Models of the Hugging Face Hub, from a local server that speaks its HTTP: fetched, pinned, offline, sent."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import python, the_error
from foreign_models import ddcolor
from hub_server import Hub, hub
from tiny_bundle import make_tiny_bundle

from colorizegan import Colorizer, ModelError, UsageError
from colorizegan.errors import MissingExtraError
from colorizegan.model.bundle import open_bundle
from colorizegan.model.card import write_page
from colorizegan.model.hub import look_up, pretrained
from colorizegan.model.store import find_entry, list_entries, store_folder

pytest.importorskip("huggingface_hub")


@dataclass
class User:
    """Somebody on this machine, with folders of their own; huggingface_hub reads its settings as it is imported."""

    hub: Hub
    home: Path

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        own = {"HF_ENDPOINT": self.hub.url, "HF_HOME": str(self.home), "HF_TOKEN": "hf_test"}
        quiet = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        return python(*arguments, status=None, env=os.environ | own | quiet | env, stdin=subprocess.DEVNULL)

    def models(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "colorizegan", "models", *arguments, **env)

    def refused(self, *arguments: str, **env: str) -> str:
        """The one line of `models ...` that fails."""
        return the_error(self.models(*arguments, **env))


LOOKED_UP = """
import sys
from colorizegan.errors import ColorizeGANError
from colorizegan.model.hub import look_up
for address in sys.argv[1:]:
    try:
        look_up(address)
    except ColorizeGANError as error:
        print(error)
"""


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    with hub() as state:
        yield User(state, tmp_path / "hf")


@pytest.mark.slow
def test_a_bundle_is_fetched_once_pinned_and_used_offline(user: User, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny")
    user.hub.put("somebody/tiny", bundle, license="cc-by-4.0")
    assert "read it, then say --yes [E_USAGE]" in user.refused("get", "hf:somebody/tiny")
    assert list_entries() == []
    assert not [line for line in user.hub.requests if "resolve" in line], "nothing is fetched before a yes"

    found = user.models("get", "hf:somebody/tiny", "--yes")
    assert found.returncode == 0, found.stderr
    commit = user.hub.commit_of("somebody/tiny")
    assert f"hf:somebody/tiny: licence cc-by-4.0, from hf:somebody/tiny@{commit}\n" in found.stderr
    entry = find_entry("tiny")
    assert entry is not None
    assert (entry.asked, entry.source) == ("hf:somebody/tiny", f"hf:somebody/tiny@{commit}")
    assert entry.licence == "cc-by-4.0"

    # Another commit there changes nothing here, and nobody is asked any more.
    user.hub.put("somebody/tiny", make_tiny_bundle(tmp_path / "other", seed=1), license="mit")
    user.hub.requests.clear()
    code = "from colorizegan import Colorizer; print(Colorizer.from_pretrained('somebody/tiny').network.digest)"
    digest = open_bundle(bundle).digest
    for env in ({}, {"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:1"}):
        assert user.run("-c", code, **env).stdout.strip() == digest
    assert "is here already, as tiny" in user.models("get", "hf:somebody/tiny").stderr
    assert user.hub.requests == []

    # A revision is another model; a file that was changed here is not run.
    code = "from colorizegan import Colorizer; Colorizer.from_pretrained('somebody/tiny', revision='v1')"
    assert user.run("-c", code).returncode == 0
    assert {entry.asked for entry in list_entries()} == {"hf:somebody/tiny", "hf:somebody/tiny@v1"}
    (store_folder() / "tiny" / "card.json").write_text("{}")
    assert "has changed since it was added as tiny" in user.refused("get", "hf:somebody/tiny")


def test_an_onnx_file_and_the_weights_beside_it(user: User, tmp_path: Path) -> None:
    folder = tmp_path / "repository" / "onnx"
    folder.mkdir(parents=True)
    ddcolor(folder, 64, outside=True).rename(folder / "model.onnx")  # what it is, only the repository's name tells
    (folder.parent / "model.pth").write_bytes(b"pickle")
    user.hub.put("somebody/DDColor-onnx", folder.parent, license="apache-2.0")
    found = user.models("get", "hf:somebody/DDColor-onnx", "-y", "--name", "dd")
    assert found.returncode == 0, found.stderr
    entry = find_entry("dd")
    assert entry is not None
    assert (entry.file, sorted(entry.files)) == ("model.onnx", ["ddcolor.onnx.data", "model.onnx"])
    assert entry.facts["layout"] == "rgb-ab"
    assert not [line for line in user.hub.requests if "pth" in line]
    assert "dd  model.onnx of another project, apache-2.0" in user.models().stdout


@pytest.mark.slow
def test_what_is_not_there_is_one_line(user: User, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    ddcolor(tmp_path / "many", 64, seed=1).rename(tmp_path / "many" / "b.onnx")
    ddcolor(tmp_path / "many", 64)
    user.hub.put("o/many", tmp_path / "many")
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "x.pth").write_bytes(b"x")
    user.hub.put("o/torch", tmp_path / "torch")
    user.hub.put("o/closed", tmp_path / "many")
    user.hub.closed.add("o/closed")
    said = {
        "hf:o/none": "there is no such repository, or it is private",
        "hf:o/many": "holds 2 ONNX files; name one: hf:o/many/",
        "hf:o/many/c.onnx": "o/many has no file c.onnx",
        "hf:o/many@v9": "has no such revision",
        "hf:o/torch": "see `colorizegan convert`",
        "hf:o/torch/x.pth": "x.pth is no model that is read",
        "hf:o/closed": "is only for those whom its owner lets in",
    }
    lines = user.run("-c", LOOKED_UP, *said).stdout.splitlines()
    for line, words in zip(lines, said.values(), strict=True):
        assert words in line
    assert said["hf:o/none"] in user.refused("get", "hf:o/none", "-y")
    assert "HF_HUB_OFFLINE forbids" in user.refused("get", "hf:o/many/b.onnx", "-y", HF_HUB_OFFLINE="1")
    assert "could not be reached" in user.refused("get", "hf:o/many", "-y", HF_ENDPOINT="http://127.0.0.1:1")
    assert list_entries() == []


@pytest.mark.parametrize("address", ["o/n", "hf:o", "hf:o/n?x", "hf:o/n@", "hf:../n", "hf:https://x/y"])
def test_addresses(address: str) -> None:
    with pytest.raises(UsageError, match=r"hf:OWNER/NAME"):
        look_up(address)


def test_what_is_here_is_not_asked_for_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "owner" / "name"
    make_tiny_bundle(folder)
    model = ddcolor(tmp_path / "owner", 64)
    for given in ("owner/name", str(folder), "owner/ddcolor.onnx?layout=rgb-ab", str(model), "default+owner/name"):
        assert pretrained(given) == given
    for missing in ("none", "/none", "./none", "a+b/c"):
        assert pretrained(missing) == missing  # and what opens it says that there is none
    with pytest.raises(ModelError, match="no such model bundle"):
        Colorizer.from_pretrained("./none")


def test_without_huggingface_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # as where it is not installed
    with pytest.raises(MissingExtraError, match="need huggingface_hub, which is not installed") as caught:
        look_up("hf:o/n")
    assert 'pip install ".[hub]"' in str(caught.value)


def test_a_damaged_bundle_is_not_kept(user: User, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny")
    (bundle / "model.safetensors").write_bytes(b"x")
    user.hub.put("o/tiny", bundle)
    assert "does not match its SHA-256" in user.refused("get", "hf:o/tiny", "-y")
    assert list_entries() == []


def test_a_bundle_is_sent_with_its_card_as_a_page(user: User, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny")
    send = f"from colorizegan.model.hub import push_to_hub; print(push_to_hub({str(bundle)!r}, 'somebody/new'))"
    found = user.run("-c", send)
    commit = user.hub.commit_of("somebody/new")
    assert found.stdout.strip() == f"{user.hub.url}/somebody/new/commit/{commit}", found.stderr
    files = user.hub.models["somebody/new"]
    assert files.keys() == {"README.md", "card.json", "model.onnx", "model.safetensors"}
    assert {name: files[name] for name in files if name != "README.md"} == {
        path.name: path.read_bytes() for path in bundle.iterdir()
    }
    page = files["README.md"].decode()
    assert page.startswith("---\nlicense: mit\nlibrary_name: colorizegan\n")
    assert open_bundle(bundle).digest in page
    # What was sent is what is fetched.
    assert user.models("get", "hf:somebody/new", "-y").returncode == 0
    assert open_bundle(store_folder() / "new").digest == open_bundle(bundle).digest
    model = ddcolor(tmp_path, 64)
    refused = f"from colorizegan.model.hub import push_to_hub; push_to_hub({str(model)!r}, 'somebody/new')"
    assert "ddcolor.onnx: not a model bundle" in user.run("-c", refused).stderr


def test_what_a_card_says_cannot_break_the_page(tmp_path: Path) -> None:
    import yaml

    bundle = make_tiny_bundle(tmp_path / "tiny")
    card = open_bundle(bundle).card
    from dataclasses import replace

    wild = replace(
        card, licence="my 'own'\n---\nlicense: mit", name="<script>`x`", data=({"name": "a|b\n|c", "count": 1},)
    )
    page = write_page(wild, {}, "o/n", "0" * 64)
    head = re.fullmatch(r"---\n(.*?)\n---\n(.*)", page, re.DOTALL)
    assert head is not None
    facts = yaml.safe_load(head[1])
    assert (facts["license"], facts["license_name"]) == ("other", "my 'own' --- license: mit")
    assert "<script>" not in head[2]
    assert "| a/b /c | 1 |  |" in head[2]
