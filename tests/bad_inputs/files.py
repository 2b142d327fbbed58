"""Files: encodings, line ends, spellings of numbers, what is no file, and what is cut short."""

import gzip
from pathlib import Path

from bad_inputs.case import EFFECT, FRAME, TEXT, Case, data_case

BODY = TEXT.removeprefix("unit,time,y\n")
ROW = BODY.splitlines()[15]
"""Maine, 2004."""


def _cut_parquet(file: Path) -> None:
    FRAME.to_parquet(file)
    file.write_bytes(file.read_bytes()[:-40])


def _holed_parquet(file: Path) -> None:
    FRAME.to_parquet(file)
    whole = bytearray(file.read_bytes())
    whole[20:400] = bytes(380)
    file.write_bytes(whole)


def _two_zones(folder: Path) -> None:
    folder.mkdir()
    for name, part in FRAME.groupby("unit"):
        part.to_parquet(folder / f"{name}.parquet")


def _links(file: Path) -> None:
    file.symlink_to(file.parent / "gone.csv")


german = TEXT.replace(",", ";").replace(".", ",")
thousand = FRAME.assign(y=[f"{1000 + y:,.1f}" for y in FRAME.y])
swiss = FRAME.assign(y=[f"{1000 + y:,.1f}".replace(",", "'") for y in FRAME.y])

CASES: list[Case] = [
    # Read, and giving what the plain file gives.
    data_case("plain", TEXT, gives=EFFECT),
    data_case("byte order mark", TEXT.encode("utf-8-sig"), gives=EFFECT),
    data_case("CRLF", TEXT.replace("\n", "\r\n"), gives=EFFECT),
    data_case("CR", TEXT.replace("\n", "\r"), gives=EFFECT),
    data_case("byte order mark and CRLF", TEXT.replace("\n", "\r\n").encode("utf-8-sig"), gives=EFFECT),
    data_case("tabs", TEXT.replace(",", "\t"), file="sales.tsv", gives=EFFECT),
    data_case("tabs called CSV", TEXT.replace(",", "\t"), gives=EFFECT),
    data_case("semicolons", TEXT.replace(",", ";"), gives=EFFECT),
    data_case("packed", gzip.compress(TEXT.encode()), file="sales.csv.gz", gives=EFFECT),
    data_case("capital ending", TEXT, file="SALES.CSV", gives=EFFECT),
    data_case("blank lines", "\n\n" + TEXT + "\n,,\n", gives=EFFECT),
    data_case("no last line end", TEXT.rstrip("\n"), gives=EFFECT),
    data_case("all in quotes", "\n".join(",".join(f'"{v}"' for v in r.split(",")) for r in TEXT.split()), gives=EFFECT),
    data_case("numbers with exponents", FRAME.assign(y=[f"{y:.6E}" for y in FRAME.y]), gives=EFFECT),
    data_case("plus signs", FRAME.assign(y=[f"+{y}" for y in FRAME.y]), gives=EFFECT),
    data_case("a name like a pattern", TEXT, file="sales[1]*.csv", gives=EFFECT),
    data_case("a name in another script", TEXT, file="продажи 销售.csv", gives=EFFECT),
    data_case("a folder of Parquet", _two_zones, file="sales", gives=EFFECT),
    data_case("a column nobody asks for", FRAME.assign(note="x, \"y\"\nz"), gives=EFFECT),
    # Refused.
    data_case("Latin-1", TEXT.replace("Utah", "Québec").encode("latin-1"), "sales.csv", "UTF-8"),
    data_case("Latin-1 header", TEXT.replace("y\n", "é\n", 1).encode("latin-1"), "sales.csv", "UTF-8", outcome="é"),
    data_case("UTF-16", TEXT.encode("utf-16"), "sales.csv", "UTF-8"),
    data_case("UTF-32", TEXT.encode("utf-32"), "sales.csv", "UTF-32 text"),
    data_case("decimal commas", german, "'y' must be numbers", "decimal"),
    data_case("thousands separators", thousand, "'1,010.0'", "thousands"),
    data_case("thousands in apostrophes", swiss, "'y' must be numbers", "1'010.0"),
    data_case("percent signs", FRAME.assign(y=[f"{y}%" for y in FRAME.y]), "'y' must be numbers", "10.0%"),
    data_case("a currency", FRAME.assign(y=[f"${y}" for y in FRAME.y]), "'$10.0'", "currency"),
    data_case("no bytes", b"", "sales.csv", "empty"),
    data_case("blank lines alone", "\n\n,,\n", "sales.csv", "every line is blank"),
    data_case("header alone", "unit,time,y\n", "sales.csv", "no rows"),
    data_case("header alone in Parquet", FRAME.head(0), "no rows", file="sales.parquet"),
    data_case("no header", BODY, "sales.csv", "'unit'"),
    data_case("a title above", "Sales 2024\n\n" + TEXT, "line 3", "remove the lines above"),
    data_case("binary", bytes(range(256)) * 9, "sales.csv"),
    data_case("NUL bytes", bytes(400), "not a text file"),
    data_case("NUL in a label", TEXT.replace("Maine", "Mai\0ne", 1), "invisible"),
    data_case("line cut off", TEXT[: TEXT.index(ROW) + 6], "sales.csv"),
    data_case("too many values", TEXT.replace(ROW, ROW + ",7"), "line 17", "4 values"),
    data_case("too few values", TEXT.replace(ROW, ROW.rsplit(",", 1)[0]), "line 17", "2 values"),
    data_case("open quote", TEXT.replace(ROW, '"' + ROW), "line 17", "not closed"),
    data_case("two kinds of line ends", TEXT.replace("\n", "\r\n", 9), "end in different ways"),
    data_case("Parquet cut short", _cut_parquet, "sales.parquet", "cannot be read", file="sales.parquet"),
    data_case("Parquet with a hole", _holed_parquet, "sales.parquet", "cannot be read", file="sales.parquet"),
    data_case("CSV called Parquet", TEXT, "sales.parquet", "cannot be read", file="sales.parquet"),
    data_case("Parquet called CSV", lambda f: FRAME.to_parquet(f), "sales.csv"),
    data_case("no bytes in Parquet", b"", "empty", file="sales.parquet"),
    data_case("CSV called gz", TEXT, "cannot be read", file="sales.csv.gz"),
    data_case("gz cut short", gzip.compress(TEXT.encode())[:-30], "cannot be read", file="sales.csv.gz"),
    data_case("gz called CSV", gzip.compress(TEXT.encode()), "sales.csv"),
    data_case("a spreadsheet", b"PK\x03\x04", "unknown ending", ".parquet", file="sales.xlsx"),
    data_case("no ending", TEXT, "unknown ending", file="sales"),
    data_case("an empty folder", lambda f: f.mkdir(), "holds no Parquet file"),
    data_case("a link to nothing", _links, "does not exist"),
    data_case("no such file", lambda f: (f.parent / "sale.csv").write_text("x"), "does not exist", "'sale.csv'"),
    data_case("a device", lambda f: f.symlink_to("/dev/null"), "sales.csv", "empty"),
    data_case("a pattern without a match", lambda f: None, "matches no Parquet file", file="*.parquet"),
    data_case("a web page", "<!doctype html><html><body>404</body></html>", "'unit'"),
    data_case("JSON", '[{"unit": "Ohio", "time": 2001, "y": 1.0}]', "'unit'"),
    data_case("one row", "unit,time,y\nOhio,2010,3\n", "2010"),
]  # fmt: skip
