"""Getting the published data: listed, downloaded, verified, unpacked, and locked."""
