"""Make the font of pages and plots, `rltools/_util/font`, from the npm package `inter-ui`.

npm pack inter-ui@4.1.1 && tar xzf inter-ui-4.1.1.tgz
pip install fonttools brotli
python docs/font.py package
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FOLDER = Path(__file__).parents[1] / "rltools" / "_util" / "font"
FAMILY = "rltools"
CHARACTERS = (
    "0020-007E 00A0-00FF 0131 0152-0153 0160-0161 0178 017D-017E 0192 "  # Latin
    "0391-03A9 03B1-03C9 "  # Greek
    "2009-200A 2010-2015 2018-201E 2020-2022 2026 202F 2030 2032-2033 2039-203A 20AC 2070 2074-2079 207A-207B "
    "2080-2089 2190-2199 21B5 21E5 2202 2206 220F 2211 2212 221A 221E 222B 2248 2260 2264-2265 "  # arrows, mathematics
    "25A0-25A1 25B2 25B6 25BA 25BC 25C0 25C6 25CB 25CF 2713 2717"
)


def code_points():
    """The code points that the font keeps."""
    for ends in CHARACTERS.split():
        first, _, last = ends.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def use_tabular_digits(font):
    """Let the digits of one width take the place of the others, since matplotlib has no font features."""
    substitutions = font["GSUB"].table
    lookups = [
        substitutions.LookupList.Lookup[index]
        for record in substitutions.FeatureList.FeatureRecord
        if record.FeatureTag == "tnum"
        for index in record.Feature.LookupListIndex
    ]
    tabular = {}
    for lookup in lookups:
        for table in lookup.SubTable:
            tabular |= getattr(table, "ExtSubTable", table).mapping
    for table in font["cmap"].tables:
        table.cmap.update({code: tabular.get(name, name) for code, name in table.cmap.items() if 0x30 <= code <= 0x39})


def rename(font, weight):
    """Give the font a family of its own: an installed Inter has other digits."""
    names = font["name"]
    for name_id in (1, 2, 3, 4, 6, 16, 17, 21, 22, 25):
        names.removeNames(nameID=name_id)
    family = FAMILY if weight == "Regular" else f"{FAMILY} {weight}"
    full, script = f"{FAMILY} {weight}", f"{FAMILY}-{weight}"
    for name_id, name in {1: family, 2: "Regular", 3: script, 4: full, 6: script, 16: FAMILY, 17: weight}.items():
        names.setName(name, name_id, 3, 1, 0x409)


for weight in ("Regular", "SemiBold"):
    font = TTFont(Path(sys.argv[1]) / "web" / f"Inter-{weight}.woff2")
    use_tabular_digits(font)
    options = subset.Options(layout_features=["kern", "ccmp", "locl", "mark", "case"], hinting=False)
    options.name_IDs = [0, 5, 13, 14]  # copyright, version and license
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=list(code_points()))
    subsetter.subset(font)
    rename(font, weight)
    ascent, descent = (round(part * font["head"].unitsPerEm) for part in (0.93, 0.23))  # as high as matplotlib's own
    font["hhea"].ascent, font["hhea"].descent, font["hhea"].lineGap = ascent, -descent, 0
    font["OS/2"].sTypoAscender, font["OS/2"].sTypoDescender, font["OS/2"].sTypoLineGap = ascent, -descent, 0
    font["OS/2"].usWinAscent, font["OS/2"].usWinDescent = ascent, descent
    if weight == "SemiBold":
        font["OS/2"].usWeightClass = 700  # our only bold one; matplotlib warns when it takes another weight
    for flavor, ending in (("woff2", "woff2"), (None, "ttf")):
        font.flavor = flavor
        font.save(FOLDER / f"{weight.lower()}.{ending}")
