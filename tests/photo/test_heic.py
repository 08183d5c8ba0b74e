"""HEIC: turned once, as the file itself says; pictures beside the first are told."""

import base64
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from pictures import heic, waves

from colorizegan.errors import DecodeError
from colorizegan.photo.photo import Limits
from colorizegan.photo.read import read_photo

# Two pictures of 64 x 48 px, a ramp and its negative, to be turned by a quarter (box irot) as EXIF says too
# (orientation 6): as telephones write it. Made with libheif 1.23 and x265.
FILE = zlib.decompress(
    base64.b85decode(
        "c-muNV30{GsVvAy&8%Pmg51nBLl8SRGck>Uf$@EAYDppk1Sn>t<P<^K3<a6VB@Af5Ei)%S8N_gLU|?oo1hJTeAv6#KGBANfQs5#g"
        "Kvf`-4!DRf2xn&IrGa@MSy3P-6|51cCZjCbkO4`M5oDxmMP?cUib`gLO1^^3l3WI;c1HHhf}#Q-`(9>2az4ltKxNL1EF3`Q{2w4i"
        "avvD}{P_W7@-rs@b%;AK@-Y7Y4^qGkRsl3wZWoh7B2Z4%iIEXi;y@FNSoG>ivz{GjU|`^B0137v0adcOFdi&E&<QkNI5|J3C@(pu"
        "0w~JMzy?&pAd*>JkP7v^0~Bi{=Oh+D*`SayfYRW=`v3p`2M`VMTtz0>Zy+CVW)|g_fPzdhvmh51XG{!?Y>iCJtSxN}%&cGrP*5tf"
        "C^ZeLfG;_vI2oi2Y{RMCltfUp`f4z)6F!i;=$*2#NRVaZ<~QOmei&IUKP9{}#V1I&$dKo8^fu{5J_R+xPb4INPCFyXT%0UqcK8eT"
        "y*{~G%X6VSZ_Phi^wIdc=#{TGSXTfIWP`+#r>7PJ2iP}4jF1$<hDbi1P)na=pS)FOzWUaF#~H$F{f~$n{MrBc+oTgmYL!)+CY<=v"
        "K6_zL=((*&#REIjcIrf=7CXO9Q~xlB$3`rP?_kM<!}=c@0Ej82eg"
    )
)


def test_a_turn_that_stands_in_box_and_exif_is_made_once() -> None:
    photo = read_photo(FILE)
    y, x = np.mgrid[:48, :64]
    upright = np.rot90(x * 3 + y, -1)
    assert photo.gray.shape == (64, 48)
    assert np.abs(photo.gray - upright.astype(float)).mean() < 6
    assert photo.metadata.turned == 1
    assert photo.metadata.exif.startswith(b"II*\0")
    assert struct.unpack_from("<HHIH", photo.metadata.exif, 10) == (0x0112, 3, 1, 1)


def test_further_pictures_are_told(caplog: pytest.LogCaptureFixture) -> None:
    assert read_photo(FILE).pages == 2
    assert "2 pictures: the main one is read" in caplog.text


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("main", [0, 1])
def test_pictures_beside_the_main_one_count_for_no_limit(count: int, main: int) -> None:
    """They are not decoded: what takes one photo takes a telephone's photo with its burst, too."""
    raw = heic(*(waves(48 + 16 * n, 64, n) for n in range(count)), primary_index=main)
    photo = read_photo(raw, limits=Limits(frames=1, pages=1))
    assert photo.gray.shape == (48 + 16 * main, 64)
    assert photo.pages == count


def test_the_decoder_is_none_with_known_holes() -> None:
    # Of libheif before 1.23.2 a file can write out of bounds (GHSA-g89c-p67h-r497, CVE-2026-84383).
    assert tuple(map(int, pillow_heif.libheif_version().split("."))) >= (1, 23, 2)


def test_extents_of_no_byte_take_no_time() -> None:
    """A few bytes of the box iloc could say 65,535 times that nothing follows, again and again: hours of work."""

    def box(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + name + body

    items = b"".join(struct.pack(">HHH", number, 0, 65535) for number in range(60_000))
    location = box(b"iloc", bytes(6) + struct.pack(">H", 60_000) + items)
    file = box(b"ftyp", b"heic" + bytes(4) + b"heicmif1") + box(b"meta", bytes(4) + location)
    with pytest.raises(DecodeError):
        read_photo(file)
