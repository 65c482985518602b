"""The ROOT files of this example: what is in them, how to write one and how to read one.

Tree `events`, one entry per event:
  event      number of the event in its production, int64
  seed       random seed of the job that made it, int32
  nCharged   charged particles, int32
  thrust     0.5 (isotropic) to 1 (two pencils), float32
  particle_* one element per stable particle: pdg (int32); px, py, pz, e in GeV (float32), in the centre-of-mass frame
Histogram `chargedMultiplicity`: events by nCharged, one bin per number.
"""

import awkward
import numpy
import uproot

TREE = "events"
SCALARS = {"event": "int64", "seed": "int32", "nCharged": "int32", "thrust": "float32"}
PARTICLE = {"pdg": "int32", "px": "float32", "py": "float32", "pz": "float32", "e": "float32"}
HISTOGRAM = "chargedMultiplicity"
EDGES = numpy.arange(-0.5, 61.0, 1.0)


class EventFile:
    """A file that is being written; use it in `with`. Afterwards it holds all that was added, and the sum of its histograms."""

    def __init__(self, name):
        self._file = uproot.recreate(name)
        fields = ", ".join(f"{field}: {kind}" for field, kind in PARTICLE.items())
        self._tree = self._file.mktree(TREE, {**SCALARS, "particle": f"var * {{{fields}}}"})
        self._counts = numpy.zeros(len(EDGES) - 1)

    def add(self, events):
        """Adds events: a dict of arrays, a SCALARS one each and `particle`, a jagged array of records."""
        self._tree.extend(events)
        self._counts += numpy.histogram(events["nCharged"], bins=EDGES)[0]

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure is None:
            self._file[HISTOGRAM] = (self._counts, EDGES)
        self._file.close()


def read(name):
    """The events of a file as `EventFile.add` takes them, and its histogram, a count per bin."""
    with uproot.open(name) as file:
        branches = file[TREE].arrays(library="ak")
        counts, edges = file[HISTOGRAM].to_numpy()
    if not numpy.array_equal(edges, EDGES):
        raise ValueError(f"{name}: the histogram {HISTOGRAM} has other bins")
    events = {field: awkward.to_numpy(branches[field]) for field in SCALARS}
    events["particle"] = awkward.zip({field: branches[f"particle_{field}"] for field in PARTICLE})
    return events, counts


def repeated(numbers):
    """The numbers that come more than once, in order."""
    values, counts = numpy.unique(numbers, return_counts=True)
    return values[counts > 1]
