"""Says on standard output, which chapters of FOLDER have changed: `python -m kata.learn.file_events FOLDER`.

A process of its own, so that the watch has no thread and may fork.
"""

import signal
import sys
from pathlib import Path

import watchfiles

STEP = 15  # milliseconds of quiet after which a burst of changes counts as one
LONGEST = 300  # milliseconds after which a burst is told of although it goes on


class Ready:
    """Says "ready" as soon as the folder is being watched: only then does the watcher ask whether it should stop."""

    def __init__(self) -> None:
        self._said = False

    def is_set(self) -> bool:
        """Never: the process ends when it is told to, or when nobody listens any more."""
        if not self._said:
            self._said = True
            print("ready", flush=True)
        return False


def main(folder: Path) -> None:
    """Print "ready", then the stems of changed chapters, separated by blanks, until standard output closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the watch, which then ends this process
    watcher = watchfiles.watch(
        folder, watch_filter=None, step=STEP, debounce=LONGEST, recursive=False, stop_event=Ready()
    )
    for changes in watcher:
        # By name alone: an editor that saves by rename shows a deletion, an addition, or both.
        stems = {
            path.stem for _, name in changes if (path := Path(name)).suffix == ".py" and path.stem.startswith("ch")
        }
        if stems:
            print(" ".join(sorted(stems)), flush=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except BrokenPipeError:
        sys.exit(0)
