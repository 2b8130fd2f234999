"""What the HTML pages that we write share: look, tables, pictures with words beside them.

A page is one file and its pictures: no script, nothing from elsewhere; for screen, phone and paper,
light and dark. Its template includes ``base.css`` and may import ``macros.jinja``.
"""

from dataclasses import dataclass
from pathlib import Path

import jinja2
from PIL import Image as Picture

from mvemotion.files import write_text

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Image:
    """A picture on a page.

    Attributes
    ----------
    path : str
        Relative to the page.
    alt : str
        What it shows, in words.
    caption : str
    width, height : int
        Pixels.
    """

    path: str
    alt: str
    caption: str
    width: int
    height: int


def show_picture(folder: Path, path: Path, *, alt: str, caption: str) -> Image:
    """A saved picture, to be shown on the page in `folder`."""
    with Picture.open(path) as picture:
        size = picture.size
    return Image(path.relative_to(folder).as_posix(), alt, caption, *size)


def fill_page(path: Path, template: Path, content: dict[str, object]) -> Path:
    """Fill a template and write the page.

    Parameters
    ----------
    path : Path
        Where to; its folder is made.
    template : Path
        Ends in ``.html.jinja``; it sees the templates beside it, too.
    content : dict
        What it names; everything is escaped, and nothing may be missing.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, TEMPLATES]),
        autoescape=jinja2.select_autoescape(("html", "jinja")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["slug"] = lambda words: words.replace(" ", "-")
    return write_text(path, environment.get_template(template.name).render(content))
