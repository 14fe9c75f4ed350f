"""What the clock knows of this process."""

from __future__ import annotations

import subprocess
import sys


def test_the_process_began_before_it_did_anything() -> None:
    code = "import time; time.sleep(0.2); from alertrouter.clock import process_started; print(time.time_ns() - process_started())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.2e9 < int(done.stdout) < 20e9
