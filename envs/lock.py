"""Prints the lock of the environment that runs this script, or with `--conda` the conda environment of the rules."""

import re
import subprocess
import sys

PLATFORM = re.compile(r"(nvidia|cuda|triton)(-|==)")  # PyTorch pins these itself, where it needs them
HEAD = "# Made by envs/lock.py from envs/requirements.in, see envs/README.md; do not edit.\n"


def main() -> None:
    freeze = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    pins = [line for line in freeze.splitlines() if "==" in line and not PLATFORM.match(line)]
    if "--conda" in sys.argv:
        print(HEAD + "channels:\n  - conda-forge\ndependencies:\n  - python =3.11\n  - pip\n  - pip:")
        pins = [f"      - {pin}" for pin in pins]
    else:
        print(HEAD, end="")
    print("\n".join(pins))


if __name__ == "__main__":
    main()
