"""Prints the lock of the environment that runs this script, or with `--conda` the conda environment of the rules."""

import re
import subprocess
import sys
from pathlib import Path

PLATFORM = re.compile(r"(nvidia|cuda|triton)(-|==)")  # PyTorch pins these itself, where it needs them
HEAD = "# Made by envs/lock.py from envs/requirements.in, see envs/README.md; do not edit.\n"


def canonical(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def direct(text: str) -> list[str]:
    """Names that `requirements.in` asks for, without those for development."""
    lines = text.partition("# development")[0].splitlines()
    return [canonical(line.partition("==")[0].strip()) for line in lines if line and not line.startswith("#")]


def main() -> None:
    freeze = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    pins = [line for line in freeze.splitlines() if "==" in line and not PLATFORM.match(line)]
    if "--conda" not in sys.argv:
        print(HEAD + "\n".join(pins))
        return
    version = {canonical(pin.partition("==")[0]): pin for pin in pins}
    wanted = [version[name] for name in direct(Path(__file__).with_name("requirements.in").read_text())]
    print(HEAD + "channels:\n  - conda-forge\ndependencies:\n  - python =3.11\n  - pip\n  - pip:")
    print("\n".join(f"      - {pin}" for pin in wanted))


if __name__ == "__main__":
    main()
