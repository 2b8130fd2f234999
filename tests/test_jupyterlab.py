"""A notebook in JupyterLab, as ``make lab`` opens it: run from the menu, in a browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
import pytest
import requests

from mvemotion.paths import notebooks_dir
from mvemotion.profiles import load_profile
from stores import make_store

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is needed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is needed"),
]
NOTEBOOK = "12_past_studies.ipynb"
PATIENCE_S = 240  # a machine may be busy; a quiet one needs a quarter of it
INSIDE = ("data:", "blob:", "about:")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the notebook, with a last cell that says which Python ran it."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.read(notebooks_dir() / NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells.append(nbformat.v4.new_code_cell("import sys\nprint(sys.prefix)"))
    nbformat.write(notebook, folder / NOTEBOOK)
    return folder


@pytest.fixture(scope="module")
def url(folder, tmp_path_factory):
    """JupyterLab's address; its kernels find a store of a few clips that need no preparing."""
    home = tmp_path_factory.mktemp("home")
    sizes = load_profile("tiny").clip_format
    store = make_store(home / "store", {"Train": 2, "test": 1}, clip_format=sizes)
    chosen = {"PROFILE": "tiny", "STORE": str(store.root), "RESULTS": str(home / "results")}
    places = {f"JUPYTER_{name}_DIR": str(home / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | {f"MVEMOTION_{name}": value for name, value in chosen.items()}
    environment |= places | {"IPYTHONDIR": str(home / "ipython")}
    environment.pop("JUPYTER_PATH", None)
    with serving(folder, environment) as url:
        yield url


@contextmanager
def serving(folder: Path, environment: dict[str, str]):
    """JupyterLab of this environment on a free port, for as long as it is needed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "ServerApp.root_dir": folder,
        "ServerApp.token": "",
        "ServerApp.password": "",
        "ServerApp.port_retries": 0,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", *(f"--{name}={value}" for name, value in options.items())]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: server.poll() is not None or answers(address))
            assert server.poll() is None, (folder / "server.log").read_text()
            yield address
        finally:
            server.terminate()  # ends its kernels, too
            with suppress(subprocess.TimeoutExpired):
                server.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/api/status", timeout=5).ok
    except requests.ConnectionError:
        return False


def wait_until(is_so):
    """The first true answer; fails if none comes."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        if answer := is_so():
            return answer
        time.sleep(0.25)
    pytest.fail("waited in vain")


@pytest.fixture(scope="module")
def visited(url, folder):
    """Every address that the browser asked for while the notebook was opened, run and saved."""
    addresses = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("request", lambda request: addresses.append(request.url))
        page.on("websocket", lambda socket: addresses.append(socket.url))
        page.goto(f"{url}/lab/tree/{NOTEBOOK}")
        run_all(page, url)
        wait_until(lambda: is_over(page, folder))
        wait_until(lambda: state(url) == "idle")
        browser.close()
    return addresses


def run_all(page, url: str) -> None:
    """Run all cells from the menu: not before the kernel is there, or a dialog asks for one."""
    page.locator(".jp-Notebook").wait_for()
    wait_until(lambda: state(url) == "idle")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    page.locator(".lm-MenuBar-item", has_text="Run").click()
    page.locator(".lm-Menu-item[data-command='runmenu:run-all']").click()
    wait_until(lambda: state(url) == "busy")


def is_over(page, folder: Path) -> bool:
    """Whether the notebook, when saved, has a count in its last cell, or a failure in any."""
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1000)
    return bool(code_cells(folder)[-1].execution_count or failures(folder))


def failures(folder: Path) -> list[str]:
    outputs = [output for cell in code_cells(folder) for output in cell.outputs]
    return [output.evalue for output in outputs if output.output_type == "error"]


def state(url: str) -> str:
    """The kernel's; empty as long as there is none (the server fails while it makes one)."""
    answer = requests.get(f"{url}/api/kernels", timeout=30)
    kernels = answer.json() if answer.ok else []
    return kernels[0]["execution_state"] if kernels else ""


def code_cells(folder: Path) -> list:
    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_every_cell_ran_in_order_and_none_failed(visited, folder):
    assert failures(folder) == []
    cells = code_cells(folder)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_the_kernel_is_this_environments_python(visited, folder):
    assert code_cells(folder)[-1].outputs[0].text.strip() == sys.prefix


def test_nothing_is_asked_of_another_machine(visited, url):
    host = url.removeprefix("http://")
    own = (f"http://{host}/", f"ws://{host}/", *INSIDE)
    assert any(address.endswith("/channels") or "/channels?" in address for address in visited)
    assert [address for address in visited if not address.startswith(own)] == []
