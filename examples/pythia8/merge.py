"""Joins ROOT files of generate.py into one: their trees one after the other, their histograms summed.

usage: python merge.py OUTPUT INPUT...
"""

import json
import sys

import numpy

import event_file


def main(output, inputs):
    numbers = []
    total = 0
    with event_file.EventFile(output) as merged:
        for name in inputs:
            events, counts = event_file.read(name)
            merged.add(events)
            numbers.append(events["event"])
            total += counts
    numbers = numpy.concatenate(numbers)
    repeated = event_file.repeated(numbers)
    if len(repeated) > 0:
        sys.exit(f"merge.py: {len(repeated)} events come more than once, e.g. {repeated[0]}")
    _, written = event_file.read(output)
    if not numpy.array_equal(written, total):
        sys.exit("merge.py: the merged histogram is not the sum of those of the inputs")
    with open("fabrica-report.json", "w", encoding="utf-8") as report:
        json.dump({"events": len(numbers)}, report)
    print(f"{len(numbers)} distinct events from {len(inputs)} files")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
