"""Which addresses may be asked, and which redirects followed."""

import ipaddress

import urllib3

from mvemotion.errors import DownloadError


def check_redirect(old_url: str, new_url: str) -> None:
    """Refuse to follow a redirect that leaves https, or leads where `check_url` forbids.

    Another host is allowed: Zenodo and GitHub do redirect. No credentials are ever sent.

    Raises
    ------
    DownloadError
        If it must not be followed.
    """
    if old_url.lower().startswith("https:") and not new_url.lower().startswith("https:"):
        raise DownloadError(
            f"{old_url}: redirects to {new_url}; leaving https is refused: the network may be "
            "tampered with, or the server is misconfigured; try another network, or later"
        )
    check_url(new_url)


def check_url(url: str) -> None:
    """Refuse an address that is neither https nor, on this very machine, http.

    Raises
    ------
    DownloadError
        If it must not be asked.
    """
    try:
        parts = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError as error:
        raise DownloadError(f"{url}: no address; the server may be misconfigured") from error
    if parts.auth:
        raise DownloadError(f"{host_of(url)}: an address with a login in it is refused")
    if parts.scheme == "https" and parts.host:
        return
    if parts.scheme != "http" or not _is_loopback(parts.host or ""):
        raise DownloadError(
            f"{url}: only https is allowed (and http on this machine); the network may be tampered "
            "with, or the server is misconfigured; try another network, or later"
        )


def host_of(url: str) -> str:
    """The part of an address that names the server."""
    return urllib3.util.parse_url(url).host or url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
