"""The ordered notebooks: which table or figure each answers, what it needs and what it leaves."""

from dataclasses import dataclass
from pathlib import Path

from mvemotion.errors import InputError
from mvemotion.paths import notebooks_dir
from mvemotion.published import NETWORK_TABLES


@dataclass(frozen=True)
class Lesson:
    """One notebook of ``notebooks/``.

    Attributes
    ----------
    name : str
        Of the file, without its ending.
    answers : tuple of str
        Tables and figures of the paper, such as ``"table3"``.
    tables : tuple of int
        Those whose networks have to be trained before.
    products : tuple of str
        Files that it leaves in the results folder.
    is_last : bool
        Whether it sums up what the others have left.
    """

    name: str
    answers: tuple[str, ...] = ()
    tables: tuple[int, ...] = ()
    products: tuple[str, ...] = ()
    is_last: bool = False

    @property
    def source(self) -> Path:
        """The notebook as it is published."""
        return notebooks_dir() / f"{self.name}.ipynb"


def _of_table(name: str, number: int) -> Lesson:
    products = (f"tables/table_{number}.csv", f"figures/table_{number}.png")
    return Lesson(name, (f"table{number}",), (number,), products)


LESSONS = (
    Lesson("00_start_here"),
    Lesson("01_dataset", ("table1",), (), ("audit/index.html", "figures/shortcuts.png")),
    Lesson("02_preprocessing", ("figure1",), (), ("figures/figure_1.png",)),
    Lesson(
        "03_networks",
        ("figure2", "figure3", "figure4"),
        (),
        ("figures/figure_2.png", "figures/figure_3.png", "figures/figure_4.png"),
    ),
    _of_table("04_table2_face", 2),
    _of_table("05_table3_music", 3),
    _of_table("06_table4_video", 4),
    _of_table("07_table5_music_video", 5),
    _of_table("08_table6_music_video_face", 6),
    Lesson(
        "09_confusion_and_roc",
        ("figure5", "figure6"),
        NETWORK_TABLES,
        ("figures/figure_5.png", "figures/figure_6.png", "figures/roc.png"),
    ),
    Lesson(
        "10_class_correlation",
        ("table7",),
        NETWORK_TABLES,
        ("tables/table_7.csv", "figures/table_7.png", "figures/class_correlation.png"),
    ),
    Lesson("11_emotion_timeline", ("figure7",), (), ("figures/figure_7.png",)),
    Lesson(
        "12_past_studies",
        ("table8",),
        NETWORK_TABLES,
        ("tables/table_8.csv", "figures/table_8.png"),
    ),
    Lesson(
        "13_replication_report",
        (),
        NETWORK_TABLES,
        ("ledger.csv", "ledger.md", "figures/claims.png"),
        is_last=True,
    ),
)


def find_lessons(wanted: tuple[str, ...] = ()) -> tuple[Lesson, ...]:
    """Notebooks by what they answer, by number or by name; all of them if nothing is wanted.

    Raises
    ------
    InputError
        If nothing answers to one of the names.

    Examples
    --------
    >>> [lesson.name for lesson in find_lessons(("table3", "09"))]
    ['05_table3_music', '09_confusion_and_roc']
    """
    keys = {lesson: {lesson.name, lesson.name[:2], *lesson.answers} for lesson in LESSONS}
    known = set().union(*keys.values())
    unknown = [name for name in wanted if name not in known]
    if unknown:
        answers = ", ".join(answer for lesson in LESSONS for answer in lesson.answers)
        raise InputError(
            f"{', '.join(unknown)}: no notebook answers to that; choose from {answers}, "
            f"or a number from {LESSONS[0].name[:2]} to {LESSONS[-1].name[:2]}"
        )
    return tuple(x for x in LESSONS if not wanted or keys[x] & set(wanted))
