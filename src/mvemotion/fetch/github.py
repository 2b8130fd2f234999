"""The authors' public sample: media files of their repository, and nothing else of it.

Their code is under the GPL; it is not downloaded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from mvemotion.data.sources import IGNORED_FOLDERS, SUFFIXES
from mvemotion.errors import DownloadError
from mvemotion.fetch.checksums import checksum, normalize
from mvemotion.fetch.client import Client, json_field
from mvemotion.fetch.download import RemoteFile
from mvemotion.fetch.folder import fetch_files
from mvemotion.fetch.lock import Listing, Lock, exclusively, read_lock
from mvemotion.specs import SPLITS

REPOSITORY = "yagyapandeya/Supervised-Music-Video-Emotion-Classification"
DERIVED_SUFFIXES = (".wav", ".mp3", ".m4a", ".h5", ".hdf5", ".npz", ".npy")
LONGEST_POINTER_BYTES = 1024
WORKERS = 4  # files at a time


@dataclass(frozen=True)
class Hosts:
    """Where GitHub answers questions, serves files, and serves large files."""

    api: str = "https://api.github.com"
    raw: str = "https://raw.githubusercontent.com"
    media: str = "https://media.githubusercontent.com/media"


DEFAULT_HOSTS = Hosts()


def fetch_sample(
    folder: str | Path,
    *,
    everything: bool = False,
    update: bool = False,
    hosts: Hosts = DEFAULT_HOSTS,
    client: Client | None = None,
    progress: bool = True,
) -> Lock:
    """Fetch and verify the sample; interrupted, call it again.

    The first call pins the repository's commit; later ones go on with that, and need no network
    when everything is there.

    Parameters
    ----------
    folder : str or Path
        Where to; made if there is none.
    everything : bool
        Also the sound and the arrays that the authors derived from the clips; asked for once,
        they stay part of the folder.
    update : bool
        True: go over to the newest commit.
    hosts : Hosts
        GitHub's servers.
    client : Client, optional
        Asks, waits and repeats.
    progress : bool
        Print what will be done and show progress bars.

    Returns
    -------
    Lock
        The sample's files, all verified; also in ``fetch.lock.json``.

    Raises
    ------
    DownloadError
        If a server cannot be reached, or answers otherwise than GitHub does.
    DataError
        If the disk is too small, or content is wrong or unsafe.
    InputError
        If the folder belongs to another source, or another process is fetching there.
    """
    folder, client = Path(folder), client or Client()
    lock = read_lock(folder, "sample")
    known = lock.listing.origin if lock else {}
    if not known or update or (everything and not known.get("everything")):
        commit = None if update else known.get("commit")
        everything = everything or bool(known.get("everything"))
        listing = list_sample(client, commit=commit, everything=everything, hosts=hosts)
        lock = Lock(listing)
    with exclusively(folder):
        return fetch_files(lock, folder, client, workers=WORKERS, progress=progress)


def list_sample(
    client: Client,
    *,
    commit: str | None = None,
    everything: bool = False,
    hosts: Hosts = DEFAULT_HOSTS,
) -> Listing:
    """List the media files of the split folders at one commit, the newest if none is given.

    Raises
    ------
    DownloadError
        If there is no such file, or the answers are not those of GitHub.
    """
    base = f"{hosts.api}/repos/{REPOSITORY}"
    commit = commit or _newest_commit(client, base)
    blobs = _blobs(client, base, commit)
    wanted = [blob for blob in blobs if _is_wanted(blob.name, everything)]
    if not wanted:
        raise DownloadError(
            f"{base}: no media file in {', '.join(SPLITS)} at commit {commit}; see "
            f"https://github.com/{REPOSITORY} in a browser: the sample may have moved"
        )
    files = tuple(_locate(client, blob, f"{REPOSITORY}/{commit}", hosts) for blob in wanted)
    origin = {"repository": REPOSITORY, "commit": commit, "everything": everything}
    return Listing("sample", f"github.com/{REPOSITORY} at {commit[:10]}", origin, files)


def _newest_commit(client: Client, base: str) -> str:
    branch = json_field(client.get_json(base), "default_branch", str, url=base)
    url = f"{base}/commits/{quote(branch, safe='')}"
    return json_field(client.get_json(url), "sha", str, url=url)


def _blobs(client: Client, base: str, tree: str, parent: str = "") -> Iterator[RemoteFile]:
    """Every file below a tree; folder by folder where it is too large for one answer."""
    url = f"{base}/git/trees/{tree}"
    answer = client.get_json(f"{url}?recursive=1")
    is_whole = not answer.get("truncated")
    if not is_whole:
        answer = client.get_json(url)
    for entry in json_field(answer, "tree", list, url=url):
        path = parent + json_field(entry, "path", str, url=url)
        if entry.get("type") == "blob":
            sha1 = normalize(f"git-sha1:{json_field(entry, 'sha', str, url=url)}")
            yield RemoteFile(path, "", json_field(entry, "size", int, url=url), sha1)
        elif not is_whole and entry.get("type") == "tree" and _is_in_a_split(path):
            yield from _blobs(client, base, json_field(entry, "sha", str, url=url), f"{path}/")


def _is_in_a_split(path: str) -> bool:
    return path.split("/")[0].lower() in {split.lower() for split in SPLITS}


def _is_wanted(path: str, everything: bool) -> bool:
    suffix = PurePosixPath(path).suffix.lower()
    if not _is_in_a_split(path):
        return False
    if everything:
        return suffix in SUFFIXES + DERIVED_SUFFIXES
    return suffix in SUFFIXES and not set(path.lower().split("/")) & set(IGNORED_FOLDERS)


def _locate(client: Client, blob: RemoteFile, root: str, hosts: Hosts) -> RemoteFile:
    """Where a file is served; if Git holds but a pointer to it, that of Git LFS."""
    path = f"{root}/{quote(blob.name)}"
    blob = replace(blob, url=f"{hosts.raw}/{path}")
    if blob.size > LONGEST_POINTER_BYTES:
        return blob
    content = client.get_bytes(blob.url)
    if checksum(content, "git-sha1") != blob.checksum or not (found := _pointer(content)):
        return blob
    sha256, size = found
    return RemoteFile(blob.name, f"{hosts.media}/{path}", size, sha256)


def _pointer(content: bytes) -> tuple[str, int] | None:
    """Checksum and size from what Git LFS leaves in place of a large file."""
    if not content.startswith(b"version https://git-lfs.github.com/spec/"):
        return None
    found = re.search(rb"\noid (sha256:[0-9a-f]{64})\nsize (\d+)\n", content)
    return (found[1].decode(), int(found[2])) if found else None
