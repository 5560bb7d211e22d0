"""The catalogue of models.

Source: protocol of PyAI, "Other REST".
"""

from __future__ import annotations

from pydantic import OnErrorOmit

from .pages import Pages
from .record import Record
from .resource import Resource

__all__ = ["Model", "ModelRequests"]


class Model(Record):
    """One model of the catalogue."""

    id: str
    capabilities: tuple[OnErrorOmit[str], ...] = ()


class ModelRequests(Resource):
    """The models that requests may name."""

    feature = "models"

    def list(self) -> Pages[Model]:
        """List the models."""
        return self._list(Model, "/models")
