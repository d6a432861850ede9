"""Releases that were made, kept by their digest."""

from __future__ import annotations

from assay.digest import Digest
from assay.errors import StoreError
from assay.releases.release import Release
from assay.stores.blobs import BlobStore


class ReleaseStore:
    """Releases as immutable blobs. Every method may raise StoreError."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def keep(self, release: Release) -> Digest:
        """Keep a release; keeping it again changes nothing."""
        return self._blobs.put(release.manifest)

    def get(self, digest: str) -> Release:
        """The release with this digest, or the only one whose digest begins so.

        Raises NotFound where there is none, InputError where there are several.
        """
        key = self._blobs.find(digest)
        try:
            return Release.from_bytes(self._blobs.get(key))
        except ValueError as error:
            raise StoreError(f"{key} is not a release: {error}") from error
