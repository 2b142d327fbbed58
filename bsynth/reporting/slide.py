"""The answer as one slide: headline, picture, three bullets; 16:9, PDF or PNG."""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from bsynth._base.request import check_file, whole, writing
from bsynth.analysis import AnyAnalysis
from bsynth.analysis.concluded import Concluded
from bsynth.errors import SpecError, came, some_of
from bsynth.plots import picture_of, style
from bsynth.plots.labels import drawn, families, wrapped
from bsynth.text.labels import plain

SIZE = (9.6, 5.4)
"""Inches: 16 to 9, and so small that its words are large where it fills a screen."""
MARGIN = 0.42
"""Inches left free at every side."""
ASIDE = 2.75
"""Inches of the column of bullets."""
DPI = 200
FORMATS = (".pdf", ".png")
HEADLINE, BULLET, FOOT = 17.0, 11.0, 8.0
"""Points of the type."""
TALL = 1.3
"""Height of a line in its points."""
UNITS = 4
"""Treated units named at the foot; of more their number is said."""
FILES = ("slide.png", "slide.pdf")
"""What a run folder has of it."""


def slide(analysis: AnyAnalysis, path: str | Path = "slide.pdf") -> Path:
    """Write the answer as one 16:9 slide, to be pasted or sent, and return its path.

    Parameters
    ----------
    analysis : Analysis
    path : path
        File to write; its ending says which kind: ``.pdf`` or ``.png``.

    Raises
    ------
    SpecError
        Something else than an analysis, another kind of file, or no file can be written there.

    Examples
    --------
    >>> import bsynth as bs, tempfile
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> analysis = bs.analyse(panel, models=["none"], methods=["sc", "placebo"], progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bs.slide(analysis, f"{folder}/slide.png").name
    'slide.png'
    """
    if not isinstance(analysis, Concluded):
        raise SpecError(f"an Analysis is needed and {came(analysis)} came; bsynth.analyse(panel) returns one")
    file = check_file(path, "path")
    if file.suffix.lower() not in FORMATS:
        raise SpecError(f"path {str(path)!r} ends in {file.suffix!r}; give a file that ends in .pdf or .png")
    figure = draw(analysis)
    nothing = {"Software": None} if file.suffix.lower() == ".png" else {"CreationDate": None, "Producer": None}
    with writing(file, "path"):
        file.parent.mkdir(parents=True, exist_ok=True)
        with style.house(), whole(file) as part:
            figure.savefig(part, format=file.suffix[1:].lower(), dpi=DPI, metadata=nothing)
    return file


def draw(analysis: AnyAnalysis) -> Figure:
    """Return the slide as a figure."""
    verdict = analysis.verdict
    with style.house():
        figure, ax = style.new_figure(SIZE)
        top = _headline(figure, verdict.headline)
        foot = (MARGIN + 2.2 * FOOT / 72) / SIZE[1]
        right = 1 - (MARGIN + ASIDE + 0.3) / SIZE[0]
        box = (MARGIN / SIZE[0] - 0.01, foot, right - MARGIN / SIZE[0] + 0.01, top - foot)
        figure.set_layout_engine("constrained", rect=box)
        picture_of(analysis)(analysis, ax=ax)
        _bullets(figure, verdict.bullets, top)
        figure.text(
            MARGIN / SIZE[0], MARGIN / SIZE[1] / 2, _foot(analysis), fontsize=FOOT, color="#555555", va="bottom"
        )
        figure.draw_without_rendering()
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return figure


def _headline(figure: Figure, headline: str) -> float:
    """Write the headline; return where it ends, as a share of the height."""
    width, y = 72 * (SIZE[0] - 2 * MARGIN), 1 - MARGIN / SIZE[1]
    bold = FontProperties(family=families(), size=HEADLINE, weight="bold")
    lines = wrapped(drawn(headline, len(headline)), width, bold)
    figure.text(
        MARGIN / SIZE[0], y, "\n".join(lines), fontsize=HEADLINE, fontweight="bold", color=style.BLACK, va="top",
        linespacing=TALL,
    )  # fmt: skip
    return y - (HEADLINE * TALL * len(lines) + 10) / 72 / SIZE[1]


def _bullets(figure: Figure, bullets: tuple[str, ...], top: float) -> None:
    """Write the bullets one below the other at the right, a thin line between them."""
    font = FontProperties(family=families(), size=BULLET)
    left, y = 1 - (MARGIN + ASIDE) / SIZE[0], top - 0.05
    for number, bullet in enumerate(bullets):
        lines = wrapped(drawn(bullet, len(bullet)), 68 * ASIDE, font)
        if number:
            edge = y + 0.028
            figure.add_artist(style.rule(figure, (left, 1 - MARGIN / SIZE[0]), edge))
        figure.text(left, y, "\n".join(lines), fontsize=BULLET, color=style.INK, va="top", linespacing=TALL)
        y -= (BULLET * TALL * len(lines)) / 72 / SIZE[1] + 0.056


def _foot(analysis: AnyAnalysis) -> str:
    """Whose effect it is, when, and what made it."""
    panel = analysis.panel
    units = some_of((plain(unit) for unit in panel.treated), limit=UNITS)
    named = "" if panel.n_treated == 1 else f" ({units})"
    whose, window = analysis.title.rsplit(", ", 1)
    return drawn(f"{whose}{named}, {window}. Made by bsynth.", 160)
