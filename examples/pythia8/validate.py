"""Opens a file of generate.py and checks that it holds what the job was asked for; exit code 1 and the reason if not.

usage: python validate.py FILE FIRST_EVENT EVENTS
"""

import sys

import awkward
import numpy

import event_file

ENERGY = 10.58
# Sums of a few dozen numbers of float32.
TOLERANCE = 1e-3


def problem(name, first_event, events):
    """What is wrong with the file; None if nothing."""
    try:
        columns, counts = event_file.read(name)
    except Exception as error:  # uproot fails in many ways on a damaged file
        return f"it can not be read: {error!r}"
    numbers = columns["event"]
    if len(numbers) != events:
        return f"it holds {len(numbers)} events, {events} were asked for"
    repeated = event_file.repeated(numbers)
    if len(repeated) > 0:
        return f"event {repeated[0]} comes more than once"
    if not numpy.array_equal(numpy.sort(numbers), numpy.arange(first_event, first_event + events)):
        return f"its events are {numbers.min()} to {numbers.max()}, with gaps or from another start than {first_event}"
    if counts.sum() != events:
        return f"its histogram holds {counts.sum():.0f} events, not {events}"
    energies = awkward.to_numpy(awkward.sum(columns["particle"]["e"], axis=1))
    worst = numpy.abs(energies - ENERGY).max()
    if worst > TOLERANCE:
        return f"an event misses its energy of {ENERGY} GeV by {worst:.4f} GeV"
    return None


def main(name, first_event, events):
    found = problem(name, first_event, events)
    if found is not None:
        sys.exit(f"validate.py: {name}: {found}")
    print(f"{name}: events {first_event} to {first_event + events - 1}, all there, once each")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], *map(int, sys.argv[2:]))
