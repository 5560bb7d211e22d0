"""Conformance statements of the PyAI protocol for Hear, Cue's part of it, Speak, Omni and authentication.

Each row: the statement's id, its sentence, and the tests that show it (marked ``@pytest.mark.conforms(id)``).
"""

from __future__ import annotations

from tests.contract.requirement import Requirement
from tests.contract.requirements_authentication import AUTHENTICATION
from tests.contract.requirements_hear import HEAR
from tests.contract.requirements_omni import OMNI
from tests.contract.requirements_platform import PLATFORM
from tests.contract.requirements_speak import SPEAK

REQUIREMENTS: tuple[Requirement, ...] = (*AUTHENTICATION, *HEAR, *SPEAK, *OMNI, *PLATFORM)
