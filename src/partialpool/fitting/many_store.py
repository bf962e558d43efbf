"""Answers of many responses in a Zarr folder that is written batch by batch, and resumed after an interruption.

A batch is a chunk of every array, and so is written to files that no other batch has. Zarr replaces a file as a whole;
`done` is written last, so that a batch that was cut short is fitted again.
"""

import hashlib
import json
import secrets
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from partialpool.errors import FileError
from partialpool.fitting.many_answers import RESPONSE
from partialpool.fitting.many_batches import SharedRows
from partialpool.fitting.many_responses import Responses
from partialpool.fitting.table_digest import table_digest

__all__ = ["ManyStore", "study_digest"]

_FORMAT: Final = "partialpool-many-1"
_ZARR: Final = 2
"""Format of Zarr: the one whose consolidated metadata and texts are part of its specification."""
_DIGEST, _BATCH, _SEED, _DONE = "digest", "batch", "seed", "done"


def study_digest(shared: SharedRows, responses: Responses) -> str:
    """Return a digest of everything that determines the answers, apart from the seed."""
    settings = shared.settings.as_record()
    facts = {
        "format": _FORMAT,
        "version": version("partialpool"),
        "spec": shared.spec.to_toml(),
        "table": table_digest(shared.table),
        "names": responses.names,
        "unreadable": dict(responses.unreadable),
        "keep": list(shared.answers.kept),
        "settings": {name: value for name, value in settings.items() if name != "seed"},
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    digest.update(np.ascontiguousarray(responses.values).tobytes())
    return digest.hexdigest()


class ManyStore:
    """A folder with the answers so far.

    Parameters
    ----------
    path
        The folder.
    digest
        From `study_digest`.

    Raises
    ------
    FileError
        The path has something else, or answers of other data, another model or other settings.
    """

    def __init__(self, path: str | Path, digest: str) -> None:
        self.path = Path(path)
        self._digest = digest
        self.exists = self.path.exists()
        self._attrs: dict[str, Any] = self._read_attrs() if self.exists else {}

    @property
    def seed(self) -> int | None:
        """The seed of the answers so far; None if there are none."""
        return int(self._attrs[_SEED]) if self.exists else None

    def check_seed(self, seed: int) -> None:
        """Refuse another seed than that of the answers so far."""
        if self.seed not in (None, seed):
            raise FileError(
                "the folder has answers of another seed",
                got=f"seed={seed}, {self.path}: seed={self.seed}",
                allowed="the same seed, or none",
                do="name another folder, or leave out seed= to continue",
            )

    def begin(self, nothing: xr.Dataset, batch: int) -> int:
        """Create the folder as a whole if there is none; return the number of responses in a batch there."""
        if self.exists:
            return int(self._attrs[_BATCH])
        whole = nothing.assign_attrs({**nothing.attrs, _DIGEST: self._digest, _BATCH: batch})
        chunks = {
            str(name): {"chunks": tuple(batch if dim == RESPONSE else n for dim, n in values.sizes.items())}
            for name, values in whole.data_vars.items()
        }
        part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        try:
            whole.to_zarr(part, mode="w-", zarr_format=_ZARR, consolidated=True, encoding=chunks)
            part.rename(self.path)
        except OSError as error:
            raise FileError(
                "cannot create the folder of the answers",
                got=f"{self.path}: {error.strerror}",
                allowed="a folder that exists, in which files can be created",
                do="create the folder above first",
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        self.exists, self._attrs = True, dict(whole.attrs)
        return batch

    def write(self, answers: xr.Dataset, at: slice) -> None:
        """Write the answers of one batch."""
        bare = answers.drop_vars(list(answers.coords))
        for part in (bare.drop_vars(_DONE), bare[[_DONE]]):
            part.to_zarr(self.path, mode="r+", region={RESPONSE: at}, zarr_format=_ZARR, consolidated=True)

    def read(self) -> xr.Dataset:
        """Return the answers so far, which are read from the files where they are used."""
        return xr.open_zarr(self.path, chunks=None, zarr_format=_ZARR, consolidated=True)

    def _read_attrs(self) -> dict[str, Any]:
        try:
            with self.read() as found:
                attrs = dict(found.attrs)
        except Exception as error:  # of any kind: it is no folder of answers
            raise FileError(
                "the path of the answers has something else",
                got=f"{self.path}",
                allowed="a new path, or that of the same study",
                do="name another",
            ) from error
        if attrs.get(_DIGEST) != self._digest:
            raise FileError(
                "the folder has answers of other data, another model or other settings",
                got=f"{self.path}",
                allowed="a new path, or that of the same study",
                do="name another, or delete it",
            )
        return attrs
