"""A process that records and does what it is told on its standard input, one word a line.

`record N` records N exchanges and prints their ids; `flush`, `statistics`, `fork` (a child that lives on
and does nothing), `close`. Run: `python -m tests.apps.recording`; settings come from DASHCAM_* variables.
"""

import os
import signal
import sys

import msgspec

from dashcam import Exchange, Recorder


def main() -> None:
    recorder = Recorder()
    recorder.start()
    print("started", recorder.journal.path.name, flush=True)
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        if word == "record":
            exchanges = [Exchange(path=f"/{os.getpid()}/{at}") for at in range(int(number))]
            said = ",".join(each.id for each in exchanges if recorder.record(each))
        elif word == "flush":
            said = str(recorder.flush(20))
        elif word == "statistics":
            said = msgspec.json.encode(recorder.statistics()).decode()
        elif word == "fork":
            child = os.fork()
            if child == 0:
                while True:
                    signal.pause()
            said = str(child)
        else:
            said = str(recorder.close(10))
        print(said, flush=True)


if __name__ == "__main__":
    main()
