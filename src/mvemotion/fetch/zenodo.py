"""The dataset of the paper: a record of Zenodo."""

from pathlib import Path
from urllib.parse import quote

from mvemotion.errors import DownloadError
from mvemotion.fetch.checksums import normalize
from mvemotion.fetch.client import Client, json_field
from mvemotion.fetch.download import RemoteFile
from mvemotion.fetch.folder import fetch_files
from mvemotion.fetch.lock import Listing, Lock, exclusively, read_lock, renew

RECORD_ID = 4542796  # the paper's "Data Availability Statement"
BASE_URL = "https://zenodo.org"


def fetch_zenodo(
    folder: str | Path,
    *,
    record_id: int = RECORD_ID,
    base_url: str = BASE_URL,
    update: bool = False,
    client: Client | None = None,
    progress: bool = True,
) -> Lock:
    """Fetch, verify and unpack what a record holds; interrupted, call it again.

    Parameters
    ----------
    folder : str or Path
        Where to; made if there is none.
    record_id : int
        The number in the record's address.
    base_url : str
        The server's address.
    update : bool
        True: accept that the record differs from what an earlier call found.
    client : Client, optional
        Asks, waits and repeats.
    progress : bool
        Print what will be done and show progress bars.

    Returns
    -------
    Lock
        The record's files, all verified; also in ``fetch.lock.json``.

    Raises
    ------
    DownloadError
        If the server cannot be reached, or answers otherwise than Zenodo does.
    DataError
        If the record has changed, the disk is too small, or content is wrong or unsafe.
    InputError
        If the folder belongs to another source, or another process is fetching there.
    """
    folder, client = Path(folder), client or Client()
    known = read_lock(folder, "zenodo")
    listing = list_record(client, record_id, base_url)
    with exclusively(folder):
        lock = renew(known, listing, update=update)
        return fetch_files(lock, folder, client, progress=progress)


def list_record(client: Client, record_id: int, base_url: str = BASE_URL) -> Listing:
    """Ask for a record's files, in whichever of its formats Zenodo answers.

    Raises
    ------
    DownloadError
        If there is no such record, its files are not public, or the answer is in no known format.
    """
    url = f"{base_url}/api/records/{record_id}"
    record = client.get_json(url)
    entries = _entries(client, record, url)
    if not entries:
        raise DownloadError(
            f"{url}: lists no files (access: {_access(record)}); see "
            f"{base_url}/records/{record_id} in a browser, and ask its authors"
        )
    files = tuple(_remote_file(entry, url) for entry in entries)
    metadata = record.get("metadata")
    name = metadata.get("title", "") if isinstance(metadata, dict) else ""
    origin = {"record_id": record_id, "url": url, "record": record}
    return Listing("zenodo", f"Zenodo record {record_id}: {name}", origin, files)


def _entries(client: Client, record: dict, url: str) -> list[dict]:
    """The list ``files`` of old; the newer ``files.entries``; or what ``links.files`` leads to."""
    files = record.get("files")
    if isinstance(files, list):
        return files
    if not isinstance(files, dict) or "entries" not in files:
        links = record.get("links")
        if not isinstance(links, dict) or "files" not in links:
            return []
        files = client.get_json(json_field(links, "files", str, url=url))
    entries = files.get("entries")
    if isinstance(entries, dict):
        return [{"key": name, **entry} for name, entry in entries.items()]
    return json_field(files, "entries", list, url=url)


def _remote_file(entry: dict, url: str) -> RemoteFile:
    entry = entry if isinstance(entry, dict) else {}
    name = json_field(entry, "key" if "key" in entry else "filename", str, url=url)
    size = json_field(entry, "size" if "size" in entry else "filesize", int, url=url)
    checksum = normalize(json_field(entry, "checksum", str, url=url))
    links = entry.get("links") or {"content": f"{url}/files/{quote(name, safe='')}/content"}
    # In the newer format `self` describes the file, and `content` is the file.
    kind = next((kind for kind in ("content", "download") if kind in links), "self")
    return RemoteFile(name, json_field(links, kind, str, url=url), size, checksum)


def _access(record: dict) -> str:
    newer, older = record.get("access"), record.get("metadata")
    if isinstance(newer, dict) and "files" in newer:
        return str(newer["files"])
    return str(older.get("access_right", "not said")) if isinstance(older, dict) else "not said"
