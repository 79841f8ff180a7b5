"""Knock: is the control plane of this configuration ready? For whoever looks after a container.

`python -m wavetrain.wiring.knock FILE` ends with 0 when /readyz answers 200, with 1 otherwise, and says why.
"""

import sys
from pathlib import Path

import httpx

from wavetrain.errors import WavetrainError
from wavetrain.wiring.config import read
from wavetrain.wiring.doctor_door import asked_ready


def knock(file: Path) -> str:
    """Why it is not ready; empty when it is."""
    try:
        answer = asked_ready(*read(file))
    except (WavetrainError, httpx.HTTPError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return "" if answer.status_code == httpx.codes.OK else answer.text[:1000]


if __name__ == "__main__":
    sys.exit(knock(Path(sys.argv[1])) or 0)
