"""The server's answers: the page, uploads, progress, results, explanations."""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mvemotion.demo.about import about
from mvemotion.demo.analyses import Analysis, Shelf, session_folder
from mvemotion.demo.examples import EXAMPLES, Example, poster
from mvemotion.demo.guard import Guard, own_names
from mvemotion.demo.jobs import FullError, Job, Line
from mvemotion.demo.uploads import (
    DEFAULT_LIMITS,
    Limits,
    RefusedError,
    check_recording,
    receive,
    shown_name,
)
from mvemotion.demo.work import DOWNLOADS, analyse, explain
from mvemotion.errors import ClipError
from mvemotion.prediction import Predictor
from mvemotion.specs import EMOTIONS, MODALITIES

STATIC = Path(str(files("mvemotion.demo") / "static"))
SWEEP_S = 5.0
CHECKS = 2  # uploads looked into at a time
MEDIA_TYPES = {"json": "application/json", "csv": "text/csv", "srt": "application/x-subrip"}


class Demo:
    """One network, offered to everyone who can reach the page.

    Parameters
    ----------
    predictor : Predictor
    weights : Path
        The file that its weights are from.
    hop_s : float
        Seconds from one window to the next.
    limits : Limits
    host : str
        What the server listens on.
    """

    def __init__(
        self,
        predictor: Predictor,
        weights: Path,
        *,
        hop_s: float = 5.0,
        limits: Limits = DEFAULT_LIMITS,
        host: str = "127.0.0.1",
    ):
        self._predictor, self._hop_s, self._limits = predictor, hop_s, limits
        self._names = own_names(host)
        self._about = about(
            predictor,
            weights,
            limits=limits,
            hop_s=hop_s,
            is_local=host in ("127.0.0.1", "localhost", "::1"),
        )
        self._checks = anyio.CapacityLimiter(CHECKS)
        self._shelf: Shelf
        self._line: Line

    def app(self) -> Starlette:
        """The ASGI application; its lifespan makes the session's folder and removes it."""
        analysis = "/api/analyses/{key}"
        why = f"{analysis}/windows/{{window:int}}/why"
        routes = [
            Route("/", self._page),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/api/about", self._tell_about),
            Route("/api/examples/{example}", self._start_example, methods=["POST"]),
            Route("/api/examples/{example}/poster.jpg", self._show_poster),
            Route("/api/analyses", self._start_upload, methods=["POST"]),
            Route(analysis, self._tell_progress, methods=["GET"]),
            Route(analysis, self._remove, methods=["DELETE"]),
            Route(f"{analysis}/recording", self._play),
            Route(f"{analysis}/timeline.{{form}}", self._give_timeline),
            Route(f"{analysis}/pictures/{{picture:int}}.jpg", self._show_picture),
            Route(why, self._ask_why, methods=["POST"]),
            Route(why, self._tell_why, methods=["GET"]),
            Route(f"{why}/{{modality}}.png", self._show_why),
        ]
        return Starlette(
            routes=routes,
            middleware=[Middleware(Guard, names=self._names)],
            exception_handlers={
                RefusedError: _refused,
                ClipError: _unusable,
                FullError: _full,
                HTTPException: _not_served,
            },
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        with session_folder() as folder:
            self._line = Line(self._limits.waiting)
            self._shelf = Shelf(folder, self._limits, self._line)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._sweep_for_ever)
                    yield
                    tasks.cancel_scope.cancel()
            finally:
                self._line.close()

    async def _sweep_for_ever(self) -> None:
        while True:
            await anyio.sleep(SWEEP_S)
            self._shelf.sweep()

    # --- The page ---------------------------------------------------------------------------------
    async def _page(self, request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def _tell_about(self, request: Request) -> Response:
        return JSONResponse(self._about)

    async def _show_poster(self, request: Request) -> Response:
        picture = await anyio.to_thread.run_sync(_poster, _example(request))
        return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})

    # --- Uploads and examples ---------------------------------------------------------------------
    async def _start_upload(self, request: Request) -> Response:
        analysis = self._shelf.add(shown_name(request.query_params.get("name", "")))
        try:
            await receive(
                request.stream(), analysis.recording, self._limits, announced=_announced(request)
            )
            analysis.media_type = await anyio.to_thread.run_sync(
                check_recording,
                analysis.recording,
                self._predictor,
                self._limits.minutes,
                limiter=self._checks,
            )
            return self._enqueue(analysis)
        except ClientDisconnect:
            self._shelf.remove(analysis)
            return Response(status_code=499)  # to nobody
        except BaseException:
            self._shelf.remove(analysis)
            raise

    async def _start_example(self, request: Request) -> Response:
        example = _example(request)
        facts = {"media_type": "video/mp4", "scenes": example.emotions}
        analysis = self._shelf.add(f"{example.title}.mp4", **facts)
        return self._enqueue(analysis, example=example)

    def _enqueue(self, analysis: Analysis, **options) -> Response:
        work = functools.partial(
            analyse, analysis=analysis, predictor=self._predictor, hop_s=self._hop_s, **options
        )
        analysis.job = Job(work)
        try:
            self._line.join(analysis.job)
        except FullError:
            self._shelf.remove(analysis)
            raise
        return JSONResponse(self._progress(analysis), status_code=201)

    # --- Progress and results ---------------------------------------------------------------------
    async def _tell_progress(self, request: Request) -> Response:
        return JSONResponse(self._progress(self._find(request)))

    async def _remove(self, request: Request) -> Response:
        self._shelf.remove(self._find(request))
        return Response(status_code=204)

    async def _play(self, request: Request) -> Response:
        analysis = self._find(request)
        return _file(analysis.recording, media_type=analysis.media_type)

    async def _give_timeline(self, request: Request) -> Response:
        form = request.path_params["form"]
        if form not in DOWNLOADS:
            raise RefusedError(404, f"timeline.{form}: choose from {', '.join(DOWNLOADS)}")
        analysis = self._find(request)
        name = f"{analysis.name.rpartition('.')[0] or analysis.name}.timeline.{form}"
        path = analysis.folder / f"timeline.{form}"
        return _file(path, media_type=MEDIA_TYPES[form], filename=name)

    async def _show_picture(self, request: Request) -> Response:
        number = request.path_params["picture"]
        return _file(self._find(request).folder / "pictures" / f"{number}.jpg")

    def _progress(self, analysis: Analysis) -> dict:
        pictures = analysis.folder / "pictures"
        return {
            "id": analysis.id,
            "name": analysis.name,
            "scenes": list(analysis.scenes),
            "pictures": sorted(int(path.stem) for path in pictures.glob("[0-9]*.jpg")),
            **self._state(analysis.job),
        }

    def _state(self, job: Job) -> dict:
        facts = {name: getattr(job, name) for name in ("state", "stage", "done", "total", "error")}
        return facts | {"ahead": self._line.ahead(job)}

    # --- Why --------------------------------------------------------------------------------------
    async def _ask_why(self, request: Request) -> Response:
        analysis, key = self._find_window(request)
        job = analysis.whys.get(key)
        if job is None or job.state in ("failed", "cancelled"):
            window, emotion = key
            job = Job(
                functools.partial(
                    explain,
                    analysis=analysis,
                    predictor=self._predictor,
                    window=window,
                    emotion=emotion or None,
                )
            )
            analysis.whys[key] = self._line.join(job)
        return self._why(job)

    async def _tell_why(self, request: Request) -> Response:
        analysis, key = self._find_window(request)
        if key not in analysis.whys:
            raise RefusedError(404, "nobody asked why yet; POST first")
        return self._why(analysis.whys[key])

    async def _show_why(self, request: Request) -> Response:
        analysis, (window, emotion) = self._find_window(request)
        job = analysis.whys.get((window, emotion))
        modality = request.path_params["modality"]
        if modality not in MODALITIES or not job or job.state != "done":
            raise RefusedError(404, f"no picture of {modality[:40]!r} for this window")
        return _file(analysis.folder / "why" / f"{window}-{emotion}" / f"{modality}.png")

    def _why(self, job: Job) -> Response:
        return JSONResponse(self._state(job) | {"result": job.result})

    def _find_window(self, request: Request) -> tuple[Analysis, tuple[int, str]]:
        """The analysis, and which of its windows and emotions is meant (empty: the likeliest)."""
        analysis, window = self._find(request), request.path_params["window"]
        emotion = request.query_params.get("emotion", "")
        if emotion not in ("", *EMOTIONS):
            raise RefusedError(404, f"emotion {emotion[:40]!r}: choose from {', '.join(EMOTIONS)}")
        if analysis.job.state != "done" or window >= len(analysis.job.result.starts_s):
            raise RefusedError(404, f"no window {window} in this result")
        return analysis, (window, emotion)

    def _find(self, request: Request) -> Analysis:
        analysis = self._shelf.find(request.path_params["key"])
        if analysis.job is None:
            raise RefusedError(404, "still being uploaded")
        return analysis


# --- Small answers --------------------------------------------------------------------------------
@functools.cache
def _poster(example: Example) -> bytes:
    return poster(example)


def _example(request: Request) -> Example:
    key = request.path_params["example"]
    for example in EXAMPLES:
        if example.key == key:
            return example
    raise RefusedError(404, f"example {key[:40]!r}: there is none of this name")


def _announced(request: Request) -> int | None:
    """Content-Length; None for uploads of unknown length."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def _file(path: Path, **options) -> Response:
    if not path.is_file():
        raise RefusedError(404, f"{path.name}: not there, or not yet")
    return FileResponse(path, headers={"Cache-Control": "no-store"}, **options)


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)


def _refused(request: Request, error: RefusedError) -> Response:
    return _error(error.status, str(error))


def _unusable(request: Request, error: ClipError) -> Response:
    return _error(422, str(error))


def _full(request: Request, error: FullError) -> Response:
    return _error(503, str(error))


def _not_served(request: Request, error: HTTPException) -> Response:
    return _error(error.status_code, error.detail)
