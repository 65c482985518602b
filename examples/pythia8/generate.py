"""Makes events e+e- -> hadrons at 10.58 GeV with Pythia 8, as a ROOT file.

usage: python generate.py SEED FIRST_EVENT EVENTS OUTPUT

The same seed makes the same events, though not the same bytes: a ROOT file holds its time and a unique number.
"""

import json
import sys

import awkward
import numpy
import pythia8mc

from event_file import PARTICLE, EventFile

# The continuum of a B factory: e+e- -> gamma*/Z -> q qbar below the threshold of open bottom, hadronised.
SETTINGS = [
    "Beams:idA = 11",
    "Beams:idB = -11",
    # The centre-of-mass frame; the experiment's boost is for its simulation to add.
    "Beams:eCM = 10.58",
    # The electrons collide with their full energy: no initial-state radiation.
    "PDF:lepton = off",
    # The photon, the Z and their interference; at this energy practically the photon, so quarks come as the squares of their
    # charges: u, d, s, c as 4 : 1 : 1 : 4.
    "WeakSingleBoson:ffbar2gmZ = on",
    "23:onMode = off",
    # Not b (5): 10.58 GeV is the Upsilon(4S), whose decays to B mesons are another sample, made by EvtGen.
    "23:onIfAny = 1 2 3 4",
    # What lives longer (c tau above 10 mm: K_S, Lambda, pi+, K+, ...) is for the detector simulation to decay.
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 10.",
    "Print:quiet = on",
]
# Pythia gives an event up now and then; more often than this, something is wrong.
MOST_FAILURES = 0.01


def main(seed, first_event, events, output):
    pythia = started(seed)
    failures = 0
    made = []
    while len(made) < events:
        if pythia.next():
            made.append(measured(pythia))
            continue
        failures += 1
        if failures > 10 + MOST_FAILURES * events:
            sys.exit(f"generate.py: Pythia gave up {failures} of {failures + len(made)} events")
    columns = {
        "event": numpy.arange(first_event, first_event + events, dtype="int64"),
        "seed": numpy.full(events, seed, dtype="int32"),
        "nCharged": numpy.array([charged for charged, _, _ in made], dtype="int32"),
        "thrust": numpy.array([thrust for _, thrust, _ in made], dtype="float32"),
        "particle": jagged([particles for _, _, particles in made]),
    }
    with EventFile(output) as file:
        file.add(columns)
    with open("fabrica-report.json", "w", encoding="utf-8") as report:
        json.dump({"events": len(made)}, report)
    print(
        f"{events} events from number {first_event} on, with seed {seed}: "
        f"{columns['nCharged'].mean():.2f} charged particles each, "
        f"cross section {pythia.infoPython().sigmaGen() * 1e6:.2f} nb"
    )


def started(seed):
    pythia = pythia8mc.Pythia("", False)
    for setting in [*SETTINGS, "Random:setSeed = on", f"Random:seed = {seed}"]:
        if not pythia.readString(setting):
            sys.exit(f"generate.py: Pythia does not take the setting {setting!r}")
    if not pythia.init():
        sys.exit("generate.py: Pythia does not start")
    return pythia


def measured(pythia):
    """Charged particles, thrust, and all stable particles of the event that was made last."""
    stable = [particle for particle in pythia.event if particle.isFinal()]
    thrust = pythia8mc.Thrust()
    thrust.analyze(pythia.event)
    particles = [(one.id(), one.px(), one.py(), one.pz(), one.e()) for one in stable]
    return sum(one.isCharged() for one in stable), thrust.thrust(), particles


def jagged(events):
    """Lists of particles as the jagged array of records that a tree holds."""
    counts = [len(particles) for particles in events]
    columns = zip(*(particle for particles in events for particle in particles))
    return awkward.unflatten(
        awkward.zip(
            {
                field: numpy.array(column, dtype=kind)
                for (field, kind), column in zip(PARTICLE.items(), columns)
            }
        ),
        counts,
    )


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*map(int, sys.argv[1:4]), sys.argv[4])
