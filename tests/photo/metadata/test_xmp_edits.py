"""XMP: descriptions come along, settings of editors do not, face regions turn with the pixels."""

import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded
from PIL import Image

from colorizegan.photo.metadata.xmp import carry_sidecar
from colorizegan.photo.metadata.xmp_edits import turned_regions, without_settings
from colorizegan.photo.read import read_photo

HEAD = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
TAIL = "</rdf:RDF></x:xmpmeta>"
DC, RATING = 'xmlns:dc="http://purl.org/dc/elements/1.1/"', 'xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
TITLE = '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Anna &lt;1932&gt; crs:Version</rdf:li></rdf:Alt></dc:title>'


def packet(namespaces: str, attributes: str = "", elements: str = "") -> str:
    about = f'<rdf:Description rdf:about="" {DC} {RATING} {namespaces} xmp:Rating="4" {attributes}>'
    return HEAD + about + TITLE + elements + "</rdf:Description>" + TAIL


CRS = 'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"'
DARKTABLE = 'xmlns:darktable="http://darktable.sf.net/"'
MEDIA = 'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"'
SEQUENCE = "<rdf:Seq><rdf:li><{0}:inner a='>'/></rdf:li><rdf:li>GONE</rdf:li></rdf:Seq>"
SETTINGS = {
    "darktable": packet(
        DARKTABLE,
        'darktable:xmp_version="5" darktable:history_end="GONE"',
        f"\n  <darktable:history>{SEQUENCE.format('darktable')}</darktable:history>\n",
    ),
    "Camera Raw, attributes": packet(CRS, 'crs:Version="GONE" crs:ConvertToGrayscale="True"'),
    "Camera Raw, elements": packet(
        CRS, "", f"<crs:ToneCurve>{SEQUENCE.format('crs')}</crs:ToneCurve><crs:Sharpness>GONE</crs:Sharpness><crs:a/>"
    ),
    "another prefix": packet('xmlns:raw="http://ns.adobe.com/camera-raw-settings/1.0/"', "raw:Exposure2012='GONE'"),
    "where it came from": packet(
        MEDIA, 'xmpMM:DerivedFrom="GONE"', "<xmpMM:History><rdf:Seq><rdf:li a='GONE'/></rdf:Seq></xmpMM:History>"
    ),
    "Photoshop": packet(
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"', 'photoshop:History="GONE" photoshop:City="Wien"'
    ),
    "RawTherapee and ART": packet(
        'xmlns:art="http://us.pixls.art/ART/1.0/" xmlns:rt="http://www.rawtherapee.com/1.0/"',
        'art:arp="GONE"',
        "<rt:Profile>GONE</rt:Profile>",
    ),
    "how pixels were stored": packet(
        'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"',
        'tiff:SamplesPerPixel="GONE" tiff:PhotometricInterpretation="GONE" photoshop:ColorMode="GONE"',
        "<photoshop:ICCProfile>GONE</photoshop:ICCProfile><tiff:BitsPerSample>GONE</tiff:BitsPerSample>",
    ),
    "the rest of a long packet": packet(
        'xmlns:xmpNote="http://ns.adobe.com/xmp/note/"', 'xmpNote:HasExtendedXMP="GONE"'
    ),
    "digiKam": packet(
        'xmlns:digiKam="http://www.digikam.org/ns/1.0/"',
        "",
        "<digiKam:ImageHistory>GONE</digiKam:ImageHistory>"
        "<digiKam:TagsList><rdf:Seq><rdf:li>Wien</rdf:li></rdf:Seq></digiKam:TagsList>",
    ),
    "Apple": packet('xmlns:aas="http://ns.apple.com/adjustment-settings/1.0/"', 'aas:Curve="GONE"'),
    "a thumbnail": packet("", "", "<xmp:Thumbnails><rdf:Alt><rdf:li>GONE</rdf:li></rdf:Alt></xmp:Thumbnails>"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_descriptions_stay_and_settings_go(name: str) -> None:
    result = without_settings(SETTINGS[name])
    ET.fromstring(result)
    assert TITLE in result
    assert 'xmp:Rating="4"' in result
    assert "GONE" not in result
    assert "Wien" not in SETTINGS[name] or "Wien" in result
    assert without_settings(result) == result


def test_labels_of_darktable_stay() -> None:
    labels = "<darktable:colorlabels><rdf:Seq><rdf:li>0</rdf:li></rdf:Seq></darktable:colorlabels>"
    assert labels in without_settings(packet(DARKTABLE, 'darktable:raw_params="0"', labels))


def test_packets_without_settings_stay_byte_for_byte() -> None:
    for text in (packet(""), "no XMP <at all", "<a", '<a b="', "", "<!-- crs:x", packet("", "", "<!-- <crs:x> -->")):
        assert without_settings(text) == text
        assert turned_regions(text, 6) == text


@pytest.mark.parametrize("piece", ["<!--", "<a ", 'a="', "<crs:x>", "a" * 50, "<?", "<a b='c'", "<![CDATA["])
def test_hostile_packets_take_linear_time(piece: str) -> None:
    """Sixteen times the length takes not 256 times as long."""

    def seconds(length: int) -> float:
        text = packet(CRS).replace(TITLE, piece * (length // len(piece)))
        start = time.perf_counter()
        turned_regions(without_settings(text), 6)
        return time.perf_counter() - start

    short, long = min(seconds(20_000) for _ in range(3)), min(seconds(320_000) for _ in range(3))
    assert long < 80 * short


MWG = (
    'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
    'xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#" '
    'xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"'
)
AS_ATTRIBUTES = (
    '<mwg-rs:Regions rdf:parseType="Resource">'
    '<mwg-rs:AppliedToDimensions stDim:w="600" stDim:h="400" stDim:unit="pixel"/>'
    '<mwg-rs:RegionList><rdf:Bag><rdf:li rdf:parseType="Resource">'
    '<mwg-rs:Area stArea:x="0.25" stArea:y="0.4" stArea:w="0.1" stArea:h="0.2" stArea:unit="normalized"/>'
    "<mwg-rs:Name>Anna</mwg-rs:Name></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
)
AS_ELEMENTS = (
    '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:AppliedToDimensions rdf:parseType="Resource">'
    "<stDim:w>600</stDim:w>"
    "<stDim:h>400</stDim:h></mwg-rs:AppliedToDimensions><mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description>"
    '<mwg-rs:Area rdf:parseType="Resource"><stArea:x>0.25</stArea:x><stArea:y>0.4</stArea:y><stArea:w>0.1</stArea:w>'
    "<stArea:h>0.2</stArea:h></mwg-rs:Area><mwg-rs:Name>Anna</mwg-rs:Name></rdf:Description></rdf:li></rdf:Bag>"
    "</mwg-rs:RegionList></mwg-rs:Regions>"
)
MP = (
    'xmlns:MP="http://ns.microsoft.com/photo/1.2/" xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#" '
    'xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"'
)
MICROSOFT = (
    '<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag><rdf:li MPReg:Rectangle="0.2, 0.3, 0.1, 0.2" '
    'MPReg:PersonDisplayName="Anna"/></rdf:Bag></MPRI:Regions></MP:RegionInfo>'
)


def center_of(text: str) -> tuple[float, float, float, float]:
    """x and y of the middle, width and height of the one region in a packet."""
    values: dict[str, str] = {}
    for element in ET.fromstring(text).iter():
        values |= dict(element.attrib)
        if element.text:
            values[element.tag] = element.text
    area = "{http://ns.adobe.com/xmp/sType/Area#}"
    if area + "x" in values:
        x, y, width, height = (float(values[area + name]) for name in "xywh")
        return x, y, width, height
    x, y, width, height = map(float, values["{http://ns.microsoft.com/photo/1.2/t/Region#}Rectangle"].split(","))
    return x + width / 2, y + height / 2, width, height


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["attributes", "elements", "Microsoft"])
def test_face_regions_turn_with_the_pixels(orientation: int, kind: str) -> None:
    """A dark face in a bright photo: its place in the upright pixels is where the region says."""
    raw_packet = packet(MP, "", MICROSOFT) if kind == "Microsoft" else packet(
        MWG, "", AS_ATTRIBUTES if kind == "attributes" else AS_ELEMENTS
    )  # fmt: skip
    pixels = np.full((400, 600), 230, np.uint8)
    pixels[120:200, 120:180] = 10  # x 0.2 .. 0.3, y 0.3 .. 0.5
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(encoded(pixels, "JPEG", exif=exif.tobytes(), xmp=raw_packet.encode(), quality=95))
    x, y, width, height = center_of(photo.metadata.xmp.decode())
    rows, columns = np.nonzero(photo.gray < 100)
    tall, wide = photo.gray.shape
    assert x == pytest.approx((columns.min() + columns.max() + 1) / 2 / wide, abs=0.01)
    assert y == pytest.approx((rows.min() + rows.max() + 1) / 2 / tall, abs=0.01)
    assert width == pytest.approx(np.ptp(columns) / wide, abs=0.01)
    assert height == pytest.approx(np.ptp(rows) / tall, abs=0.01)
    assert "Anna" in photo.metadata.xmp.decode()
    assert photo.metadata.turned == orientation


def test_sidecars_are_carried_so_too(tmp_path: Path) -> None:
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    Path(f"{source}.xmp").write_text(packet(f"{MWG} {DARKTABLE}", 'darktable:history_end="GONE"', AS_ATTRIBUTES))
    assert carry_sidecar(source, target, {"tool": "x"}, overwrite=False, orientation=6) == ""
    carried = Path(f"{target}.xmp").read_text()
    assert "GONE" not in carried
    assert center_of(carried) == pytest.approx((0.6, 0.25, 0.2, 0.1))


def test_sides_in_the_packet_change_places_with_a_quarter_turn() -> None:
    text = packet('xmlns:tiff="http://ns.adobe.com/tiff/1.0/"', 'tiff:ImageWidth="600" tiff:ImageLength="400"')
    assert 'tiff:ImageWidth="400" tiff:ImageLength="600"' in turned_regions(text, 6)
    assert turned_regions(text, 3) == text
