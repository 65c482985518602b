#!/usr/bin/env python3
"""An audit of one ended production that shares no code with Fabrica: its own SQL on the catalog, its own walk over the storages.

usage: audit.py CATALOG.db PRODUCTION [--expect-events N] [--content jsonl|simulated|none] [--state STATE] [--root STORAGE=DIRECTORY]...

It compares what was asked (the definition), what is known (jobs, attempts, files, replicas) and what is there (every file below the
root of every storage). Each problem is a line `kind: text`; the last line is a summary as JSON. Exit code 0: no problem; 1: some; 2: it
can not tell. It only reads. Needs Python 3.8 and nothing else, and must be able to reach the roots of all storages.

--state tells where the production should be: Completed (default), Rejected, Cancelled or Cleaned. Only a completed one is
asked for its events, merges and copies; one that was rejected or cleaned must have left nothing at all.
--content jsonl also reads the final files, lines of JSON with the number of the event as `event`.
--content simulated works out for each file of simulated jobs which checksum its events, its seed and its inputs give. A simulated
storage is a database NAME.db below its root, with the path, size and checksum of each file.
--root tells which directory of this machine is the root of a storage that a server serves.
"""

import argparse
import collections
import hashlib
import io
import json
import os
import re
import sqlite3
import stat
import sys
import tarfile
import time
import urllib.parse
import zlib

CLASSES = set(
    "payload-error payload-crash input-missing input-corrupt environment node wall-time memory disk-limit stage-out submission "
    "lost bad-output catalog control killed".split()
)
MAKES_EVENTS = ("scout", "fabrication")
# Productions in these states write nothing, so an unknown file of theirs is not on its way.
ENDED = ("Rejected", "Completed", "Cancelled", "Cleaned", "Archived")
LEAVES_NOTHING = ("Rejected", "Cleaned")
# A probe of a storage that is being checked just now.
PROBE = re.compile(r"^/\.part-[0-9a-f]+-check$")


class Problems:
    """What was found; printed as it is found."""

    def __init__(self):
        self.kinds = collections.Counter()

    def find(self, kind, text):
        self.kinds[kind] += 1
        print(f"{kind}: {text}")


class Known:
    """What the catalog says of one production, read in one transaction."""

    def __init__(self, catalog, name, roots):
        db = sqlite3.connect(f"file:{urllib.parse.quote(os.path.abspath(catalog))}?mode=ro", uri=True)
        db.row_factory = sqlite3.Row
        db.execute("begin")
        rows = lambda text, *values: db.execute(text, values).fetchall()  # noqa: E731

        found = rows("select * from productions where name = ?", name)
        if not found:
            raise LookupError(f"{catalog} has no production {name}")
        self.production = found[0]
        self.id = self.production["id"]
        revision = rows(
            "select definition from revisions where production_id = ? and revision = ?", self.id, self.production["revision"]
        )
        self.definition = json.loads(revision[0]["definition"])
        self.blocks = rows("select * from blocks where production_id = ? order by number", self.id)
        self.jobs = {row["number"]: row for row in rows("select * from jobs where production_id = ? order by number", self.id)}
        self.attempts = {
            (row["job"], row["attempt"]): row
            for row in rows("select * from attempts where production_id = ? order by job, attempt", self.id)
        }
        self.files = {row["id"]: row for row in rows("select * from files where production_id = ? order by job, level", self.id)}
        payload = [
            entry
            for section in ("fabrication", "merge")
            for entry in (self.definition.get(section) or {}).get("payload", [])
            if isinstance(entry, dict)
        ]
        # Payload files, and whether other productions that are still of use have them as well.
        self.sandboxes, self.shared = {}, set()
        for lfn in sorted({entry["lfn"] for entry in payload}):
            self.sandboxes[lfn] = next(iter(rows("select * from files where lfn = ?", lfn)), None)
            others = rows(
                "select p.id from revisions r join productions p on p.id = r.production_id "
                "where p.id <> ? and p.state not in ('Rejected', 'Cleaned', 'Archived') and instr(r.definition, ?) > 0",
                self.id,
                lfn,
            )
            if others:
                self.shared.add(lfn)
        self.replicas = rows("select * from replicas order by storage, path")
        self.copies = collections.defaultdict(list)
        for replica in self.replicas:
            self.copies[replica["file_id"]].append(replica)
        self.inputs = rows("select job, position, file_id from job_inputs where production_id = ?", self.id)
        self.parents = rows(
            "select p.file_id, p.parent_id from file_parents p join files f on f.id = p.file_id where f.production_id = ?", self.id
        )
        self.waiting_transfers = rows("select * from transfers where production_id = ? and state = 'Waiting'", self.id)
        self.remnants = rows("select * from remnants")
        self.storages = {row["name"]: dict(row) for row in rows("select * from storages order by name")}
        for storage in self.storages.values():
            storage["root"] = roots.get(storage["name"], storage["root"])
            if "://" in storage["root"]:
                raise LookupError(f"{storage['name']} is at {storage['root']}; --root tells where that is on this machine")
        self.disks = {name: KINDS.get(row["kind"], Directory)(row) for name, row in self.storages.items()}
        self.seeds = rows(
            "select p.name, j.number, j.seed from jobs j join productions p on p.id = j.production_id "
            "where p.campaign = ? and j.kind in ('scout', 'fabrication')",
            self.production["campaign"],
        )
        self.log = rows("select what, why, data from events where production_id = ?", self.id)
        self.bundles = {row["id"]: row for row in rows("select * from bundles where production_id = ? order by id", self.id)}
        self.running = {
            row["id"] for row in rows("select id, state from productions") if row["id"] != self.id and row["state"] not in ENDED
        }
        db.close()

        self.merges = self.definition.get("merge") is not None
        self.levels = [
            output.get("level") or self.definition["dataset"]["dataLevel"]
            for output in self.definition["fabrication"]["outputs"]
        ]
        self.debts = {
            (row["storage"], row["path"]): row["shape"] for row in self.remnants if row["state"] == "Debt"
        }
        # The accepted files: those of the latest attempt of a job that is done.
        self.accepted = [file for file in self.files.values() if self.is_accepted(file)]
        self.final = [file for file in self.accepted if file["kind"] == ("merged" if self.merges else "output")]

    def is_accepted(self, file):
        job = self.jobs.get(file["job"])
        return job is not None and job["state"] == "Done" and file["attempt"] == job["attempt"]

    def of(self, *kinds, state=None):
        return [job for job in self.jobs.values() if job["kind"] in kinds and state in (None, job["state"])]

    def is_debt(self, storage, path):
        if (storage, path) in self.debts:
            return True
        above = os.path.dirname(path)
        while above not in ("/", ""):
            if self.debts.get((storage, above)) == "tree":
                return True
            above = os.path.dirname(above)
        return False


# --- what must hold for every production that has ended --------------------------------------------------------------


def check_ended(known, problems, state):
    if known.production["state"] != state:
        problems.find("state", f"the production is {known.production['state']}, not {state}")
    for block in known.blocks:
        if block["state"] not in ("Finished", "Discarded"):
            problems.find("state", f"block {block['number']} is {block['state']}")
    for job in known.jobs.values():
        if job["state"] in ("Waiting", "Submitted", "Running", "Parked"):
            problems.find("open", f"job {job['number']} is {job['state']}")
    for transfer in known.waiting_transfers:
        problems.find("open", f"a copy of file {transfer['file_id']} to {transfer['destination']} waits")
    for remnant in known.remnants:
        if remnant["production_id"] == known.id and remnant["state"] != "Debt":
            problems.find("remnant", f"{remnant['path']} on {remnant['storage']} is still to be removed")


def check_attempts(known, problems):
    for (job, number), attempt in known.attempts.items():
        name = f"attempt {number} of job {job}"
        if attempt["state"] in ("Submitted", "Running"):
            problems.find("open", f"{name} is {attempt['state']}")
        if attempt["state"] in ("Failed", "Lost"):
            if attempt["class"] not in CLASSES:
                problems.find("diagnosis", f"{name} failed and has no class (but {attempt['class']!r})")
            if attempt["reason"].strip() == "":
                problems.find("diagnosis", f"{name} failed and has no reason")
            if attempt["ended_at"] is None:
                problems.find("diagnosis", f"{name} failed, nobody knows when")
        if job not in known.jobs or number > known.jobs[job]["attempt"]:
            problems.find("fence", f"{name} is later than what its job knows of")
    for job in known.jobs.values():
        last = known.attempts.get((job["number"], job["attempt"]))
        if job["state"] == "Done" and (last is None or last["state"] != "Done"):
            problems.find("fence", f"job {job['number']} is Done, its last attempt {job['attempt']} is not")


def check_seeds(known, problems):
    holders = collections.defaultdict(list)
    for row in known.seeds:
        holders[row["seed"]].append(f"{row['name']} {row['number']}")
        if not 1 <= row["seed"] <= 900_000_000:
            problems.find("seeds", f"job {row['number']} of {row['name']} has the seed {row['seed']}")
    for seed, jobs in holders.items():
        if len(jobs) > 1:
            problems.find("seeds", f"the seed {seed} belongs to the jobs {', '.join(jobs)}")


def check_replicas(known, problems, measured):
    """Each copy: a name that tells its origin, and bytes that are what the catalog says. Fills `measured`."""
    wanted = {file["id"]: file for file in known.files.values()}
    for lfn, file in known.sandboxes.items():
        if file is None:
            problems.find("missing", f"the payload {lfn} is not in the catalog")
        else:
            wanted[file["id"]] = file
            if not known.copies[file["id"]] and known.production["state"] == "Completed":
                problems.find("missing", f"the payload {lfn} has no replica")
    final = {file["id"] for file in known.final}
    for replica in known.replicas:
        file = wanted.get(replica["file_id"])
        if file is None:
            continue
        place = f"{replica['path']} on {replica['storage']}"
        if replica["state"] != "Available":
            if not known.is_debt(replica["storage"], replica["path"]):
                problems.find("remnant", f"{place} is {replica['state']}, and no debt")
            continue
        if not re.fullmatch(r"/e[0-9a-z]+" + re.escape(file["lfn"]), replica["path"]):
            problems.find("name", f"{place} is the replica of {file['lfn']}")
        if file["kind"] != "sandbox":
            task = re.search(r"task(\d{11})", os.path.basename(file["lfn"]))
            if task and int(task[1]) != file["job"] * 1000 + file["attempt"]:
                problems.find("name", f"{file['lfn']} was made by attempt {file['attempt']} of job {file['job']}")
            # A cancelled production keeps what it had made.
            kept = known.production["state"] == "Cancelled" and known.is_accepted(file)
            # Logs stay until they expire, whatever became of their jobs.
            kept = kept or (file["kind"] == "log" and known.production["state"] != "Cleaned")
            if file["id"] not in final and not kept:
                what = "unmerged" if known.is_accepted(file) else "not accepted"
                problems.find("remnant", f"{place} is {what}, and still there")
        if file["state"] != "Valid":
            problems.find("catalog", f"{file['lfn']} is {file['state']} and has a replica on {replica['storage']}")
        check_bytes(known, problems, replica, file, measured)


def check_bytes(known, problems, replica, file, measured):
    place = f"{replica['path']} on {replica['storage']}"
    try:
        size, adler32, sha256 = known.disks[replica["storage"]].measure(replica["path"])
    except OSError as error:
        problems.find("missing", f"{place} can not be read: {error.strerror}")
        return
    if size != file["size"]:
        problems.find("size", f"{place} has {size} bytes, the catalog says {file['size']}")
    if adler32 != file["adler32"]:
        problems.find("checksum", f"{place} has the adler32 {adler32}, the catalog says {file['adler32']}")
    others = measured.setdefault(file["id"], {})
    others[replica["storage"]] = (size, sha256)
    if len(set(others.values())) > 1:
        problems.find("checksum", f"the copies of {file['lfn']} differ: {', '.join(sorted(others))}")


def check_storages(known, problems, seen):
    """Everything that is on the storages: known, or owed, or another living production's business, or a problem."""
    paths = collections.defaultdict(set)
    for replica in known.replicas:
        paths[replica["storage"]].add(replica["path"])
    for name, storage in known.storages.items():
        if not known.disks[name].is_there():
            if paths[name]:
                problems.find("missing", f"the root {storage['root']} of {name} is not there")
            continue
        for path, regular in known.disks[name].walk():
            seen[name] += 1
            if path in paths[name] or known.is_debt(name, path):
                if not regular:
                    problems.find("strange", f"{path} on {name} is no plain file")
                continue
            explain_unknown(known, problems, name, path)
        for epoch in known.disks[name].epochs():
            claims = os.path.join(epoch, ".claims", f"prod{known.id:08d}")
            if os.path.isdir(os.path.join(storage["root"], claims)) and not known.is_debt(name, f"/{claims}"):
                problems.find("claims", f"/{claims} on {name} is still there")


def explain_unknown(known, problems, storage, path):
    production = re.search(r"prod(\d{8})", path)
    if production and int(production[1]) in known.running:
        return
    if PROBE.match(path):
        time.sleep(1)
        if not known.disks[storage].has(path):
            return
    mine = production is not None and int(production[1]) == known.id
    name = os.path.basename(path)
    task = re.search(r"task(\d{11})", name)
    if mine and "/.claims/" in path:
        problems.find("claims", f"{path} on {storage} is still there")
    elif name.startswith(".part-"):
        problems.find("remnant", f"{path} on {storage} is an unfinished write")
    elif mine and task is not None:
        job, number = divmod(int(task[1]), 1000)
        attempt = known.attempts.get((job, number))
        state = "unknown" if attempt is None else attempt["state"]
        problems.find("remnant", f"{path} on {storage} was left by attempt {number} of job {job}, which is {state}")
    else:
        problems.find("dark", f"{path} on {storage} is not in the catalog")


def check_nothing_left(known, problems):
    files = set(known.files)
    files.update(file["id"] for lfn, file in known.sandboxes.items() if file is not None and lfn not in known.shared)
    for replica in known.replicas:
        if known.files.get(replica["file_id"], {"kind": None})["kind"] == "log" and known.production["state"] == "Rejected":
            continue
        if replica["file_id"] in files and not known.is_debt(replica["storage"], replica["path"]):
            problems.find("remnant", f"{replica['path']} on {replica['storage']} is catalogued, nothing should be")


def check_logs(known, problems):
    """Each bundle is cleared at its site, and its archive holds the logs that the catalog says, and no others."""
    kept = collections.defaultdict(set)
    for (job, number), attempt in known.attempts.items():
        if attempt["log_kept"]:
            kept[attempt["bundle"]].add(f"{job}.{number}.log")
    archives = {bundle["log_file"] for bundle in known.bundles.values()}
    for file in known.files.values():
        if file["kind"] == "log" and file["id"] not in archives:
            problems.find("logs", f"{file['lfn']} belongs to no bundle")
    for bundle in known.bundles.values():
        if bundle["cleared_at"] is None:
            problems.find("site", f"nobody knows that {bundle['site']} has forgotten bundle {bundle['id']}")
        file = known.files.get(bundle["log_file"])
        if file is None or file["kind"] != "log":
            if kept[bundle["id"]] or bundle["log_file"] is not None:
                problems.find("logs", f"bundle {bundle['id']} has no archive, and attempts whose logs are in it")
            continue
        for replica in known.copies[file["id"]]:
            place = f"{replica['path']} on {replica['storage']}"
            try:
                with tarfile.open(fileobj=known.disks[replica["storage"]].open(replica["path"]), mode="r:gz") as archive:
                    names = set(archive.getnames())
            except (OSError, EOFError, tarfile.TarError) as error:
                problems.find("logs", f"{place} is no archive: {error}")
                continue
            if names != kept[bundle["id"]]:
                problems.find("logs", f"{place} holds {sorted(names)}, the catalog says {sorted(kept[bundle['id']])}")


# --- what must hold for a completed production -----------------------------------------------------------------------


def check_events(known, problems, expected):
    asked = known.production["events"]
    if asked != known.definition["events"]:
        problems.find("events", f"the definition asks for {known.definition['events']} events, the catalog for {asked}")
    if expected is not None and asked != expected:
        problems.find("events", f"{asked} events are asked for, {expected} were expected")
    ranges = sorted(
        (job["first_event"], job["events"], job["number"])
        for job in known.of(*MAKES_EVENTS)
        if job["state"] in ("Done", "Waived")
    )
    following = 1
    for first, events, job in ranges:
        if first > following:
            problems.find("events", f"no job makes the events {following} to {first - 1}")
        elif first < following:
            problems.find("events", f"job {job} begins at event {first}, though others make up to {following - 1}")
        following = max(following, first + events)
    if known.production["finish"] is None and following != asked + 1:
        problems.find("events", f"the jobs make the events up to {following - 1}, {asked} are asked for")
    told = [known.production["reason"]] + [
        f"{row['why']} {row['data']}" for row in known.log if "waive" in row["what"] + row["why"]
    ]
    listed = {
        number
        for text in told
        for first, last in re.findall(r"\b(\d+)(?:-(\d+))?\b", text)
        for number in (range(int(first), int(last) + 1) if last else [int(first)])
    }
    for job in known.of(*MAKES_EVENTS, state="Waived"):
        if job["number"] not in listed:
            problems.find("waived", f"job {job['number']} was given up, and the production does not say so")


def check_outputs(known, problems):
    """Each job that is done has exactly one file per level, with the events that it was to make."""
    made = collections.defaultdict(list)
    for file in known.accepted:
        made[file["job"]].append(file)
    for job in known.jobs.values():
        if job["state"] != "Done":
            continue
        levels = [job["level"]] if job["kind"] == "merge" else known.levels
        if sorted(file["level"] for file in made[job["number"]]) != sorted(levels):
            found = [file["lfn"] for file in made[job["number"]]]
            problems.find("output", f"job {job['number']} should have one file for {', '.join(levels)}, it has {found}")
        for file in made[job["number"]]:
            if file["events"] != job["events"]:
                problems.find("events", f"{file['lfn']} has {file['events']} events, its job {job['events']}")


def check_merges(known, problems):
    """Every output is in exactly one merge; a merged file has the events of its inputs, and names them as its parents."""
    inputs = collections.defaultdict(list)
    for row in known.inputs:
        if row["job"] in known.jobs and known.jobs[row["job"]]["state"] == "Done":
            inputs[row["job"]].append(row["file_id"])
    parents = collections.defaultdict(list)
    for row in known.parents:
        parents[row["file_id"]].append(row["parent_id"])
    uses = collections.Counter(file for files in inputs.values() for file in files)
    outputs = {file["id"]: file for file in known.accepted if file["kind"] == "output"}
    for file in outputs.values():
        if uses[file["id"]] != 1:
            problems.find("merge", f"{file['lfn']} is an input of {uses[file['id']]} merges")
    for file_id in uses:
        if file_id not in outputs:
            problems.find("merge", f"file {file_id} was merged, and is no output of a job that is done")
    for merged in known.final:
        mine = inputs[merged["job"]]
        if sorted(mine) != sorted(parents[merged["id"]]):
            problems.find("merge", f"the parents of {merged['lfn']} are not the inputs of its job")
        files = [outputs[one] for one in mine if one in outputs]
        if sum(file["events"] for file in files) != merged["events"]:
            problems.find("merge", f"{merged['lfn']} has {merged['events']} events, its inputs {sum(f['events'] for f in files)}")
        if any(file["level"] != merged["level"] for file in files):
            problems.find("merge", f"{merged['lfn']} joins several data levels")


def check_final(known, problems):
    made = sum(job["events"] for job in known.of(*MAKES_EVENTS, state="Done"))
    for level in known.levels:
        events = sum(file["events"] for file in known.final if file["level"] == level)
        if events != made:
            problems.find("events", f"the final {level} files have {events} events, {made} were made")
    wanted = known.definition["distribution"]
    for file in known.final:
        copies = [replica for replica in known.copies[file["id"]] if replica["state"] == "Available"]
        if file["state"] != "Valid":
            problems.find("catalog", f"{file['lfn']} is {file['state']}")
        if len(copies) != wanted["copies"]:
            problems.find("copies", f"{file['lfn']} has {len(copies)} copies, {wanted['copies']} are wanted")
        for replica in copies:
            storage = known.storages[replica["storage"]]
            if storage["purpose"] != "final":
                problems.find("copies", f"{file['lfn']} is on {storage['name']}, which is a {storage['purpose']} storage")
            if wanted["areas"] and storage["area"] not in wanted["areas"]:
                problems.find("copies", f"{file['lfn']} is on {storage['name']} in {storage['area']}, which was not asked for")


def check_content(known, problems):
    """The numbers of the events in the final files themselves, on each of their storages."""
    parents = collections.defaultdict(list)
    for row in known.parents:
        parents[row["file_id"]].append(known.files[row["parent_id"]]["job"])
    owners = collections.defaultdict(dict)
    for file in known.final:
        jobs = parents[file["id"]] if known.merges else [file["job"]]
        expected = {event for job in jobs for event in range_of(known.jobs[job])}
        for replica in known.copies[file["id"]]:
            place = f"{replica['path']} on {replica['storage']}"
            try:
                with open(known.disks[replica["storage"]].physical(replica["path"]), encoding="utf-8") as lines:
                    events = [json.loads(line)["event"] for line in lines]
            except (OSError, ValueError, KeyError, TypeError) as error:
                problems.find("content", f"{place} is no list of events: {error!r}")
                continue
            report_numbers(problems, place, events, expected)
            for event in set(events):
                other = owners[file["level"]].setdefault(event, file["id"])
                if other != file["id"]:
                    problems.find("content", f"event {event} is in {place} and in {known.files[other]['lfn']}")
    wanted = {event for job in known.of(*MAKES_EVENTS, state="Done") for event in range_of(job)}
    for level in known.levels:
        report_numbers(problems, f"all final {level} files", list(owners[level]), wanted)


def check_simulated(known, problems):
    """A simulated file is what its checksum says: that of the job's events and seed, and of its inputs in their order."""
    outputs, inputs = {}, collections.defaultdict(list)
    for row in sorted(known.inputs, key=lambda row: row["position"]):
        inputs[row["job"]].append(row["file_id"])
    for file in sorted(known.accepted, key=lambda file: file["kind"] == "merged"):
        job = known.jobs[file["job"]]
        words = [file["level"], job["seed"], job["first_event"], job["events"]]
        words += [outputs.get(one, "?") for one in inputs[file["job"]]]
        expected = hashlib.sha256("/".join(str(word) for word in words).encode()).hexdigest()[:8]
        outputs[file["id"]] = expected
        if file["adler32"] != expected:
            problems.find("content", f"{file['lfn']} has the checksum {file['adler32']}, its events give {expected}")


def report_numbers(problems, place, events, expected):
    repeated = len(events) - len(set(events))
    missing = sorted(expected - set(events))
    strange = sorted(set(events) - expected)
    for count, what in ((repeated, "repeated"), (len(missing), "missing"), (len(strange), "not expected")):
        if count > 0:
            example = {"missing": missing, "not expected": strange}.get(what, [])[:1]
            problems.find("content", f"{place}: {count} events are {what} {example or ''}".rstrip())


# --- small things ----------------------------------------------------------------------------------------------------


def range_of(job):
    return range(job["first_event"], job["first_event"] + job["events"])


class Directory:
    """A storage that is a directory."""

    def __init__(self, storage):
        self.root = storage["root"].rstrip("/")

    def is_there(self):
        return os.path.isdir(self.root)

    def physical(self, path):
        return self.root + path

    def has(self, path):
        return os.path.lexists(self.root + path)

    def walk(self):
        return walk(self.root)

    def epochs(self):
        return sorted(os.listdir(self.root))

    def open(self, path):
        return open(self.root + path, "rb")

    def measure(self, path):
        size, adler32, sha256 = 0, 1, hashlib.sha256()
        with open(self.root + path, "rb") as file:
            for part in iter(lambda: file.read(1 << 20), b""):
                size += len(part)
                adler32 = zlib.adler32(part, adler32)
                sha256.update(part)
        return size, f"{adler32:08x}", sha256.hexdigest()


class WebDav(Directory):
    """A storage of WebDAV by the directory of its server. Its directories stay when they are empty, so a tree of claims without files is nothing."""

    def epochs(self):
        return []


class Simulated:
    """A simulated storage: a database of paths, sizes and checksums, read once."""

    def __init__(self, storage):
        self.file = os.path.join(storage["root"], storage["name"] + ".db")
        self.known = None

    def is_there(self):
        return os.path.isfile(self.file)

    @property
    def files(self):
        if self.known is None:
            db = sqlite3.connect(f"file:{urllib.parse.quote(os.path.abspath(self.file))}?mode=ro", uri=True)
            self.known = {path: (size, adler32) for path, size, adler32 in db.execute("select path, size, adler32 from files")}
            db.close()
        return self.known

    def has(self, path):
        return path in self.files

    def walk(self):
        return [(path, True) for path in sorted(self.files)]

    def epochs(self):
        return []  # It has no directories, so a tree of claims without files is nothing.

    def open(self, path):
        if not self.is_there() or not self.has(path):
            raise FileNotFoundError(2, "it is not there")
        db = sqlite3.connect(f"file:{urllib.parse.quote(os.path.abspath(self.file))}?mode=ro", uri=True)
        content = db.execute("select content from files where path = ?", (path,)).fetchone()[0]
        db.close()
        return io.BytesIO(content or b"")

    def measure(self, path):
        if not self.is_there() or not self.has(path):
            raise FileNotFoundError(2, "it is not there")
        size, adler32 = self.files[path]
        return size, adler32, adler32


KINDS = {"simulated": Simulated, "webdav": WebDav}


def walk(root):
    """Every entry below a root that is no directory, as path below it, and whether it is a plain file. Links are not followed."""
    for folder, folders, names in os.walk(root, onerror=refuse):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted(names + links):
            full = os.path.join(folder, name)
            try:
                mode = os.lstat(full).st_mode
            except FileNotFoundError:
                continue  # another production's, or a probe
            yield full[len(root.rstrip("/")) :], stat.S_ISREG(mode)


def refuse(error):
    # A directory that has gone meanwhile has nothing in it.
    if not isinstance(error, FileNotFoundError):
        raise error


def summary(known, problems, measured, seen):
    count = lambda values: dict(sorted(collections.Counter(values).items()))  # noqa: E731
    events = lambda state: sum(job["events"] for job in known.of(*MAKES_EVENTS, state=state))  # noqa: E731
    available = [
        replica
        for file in known.final
        for replica in known.copies[file["id"]]
        if replica["state"] == "Available" and replica["storage"] in known.storages
    ]
    return {
        "production": known.production["name"],
        "state": known.production["state"],
        "passed": not problems.kinds,
        "problems": dict(sorted(problems.kinds.items())),
        "events": {"asked": known.production["events"], "made": events("Done"), "waived": events("Waived")},
        "waivedJobs": [job["number"] for job in known.of(*MAKES_EVENTS, state="Waived")],
        "jobs": count(f"{job['kind']} {job['state']}" for job in known.jobs.values()),
        "attempts": count(attempt["state"] for attempt in known.attempts.values()),
        "failures": count(str(a["class"]) for a in known.attempts.values() if a["state"] in ("Failed", "Lost")),
        "finalFiles": len(known.final),
        "finalBytes": sum(file["size"] for file in known.final),
        "copiesByArea": count(known.storages[replica["storage"]]["area"] for replica in available),
        "replicasRead": sum(len(copies) for copies in measured.values()),
        "filesOnStorages": dict(sorted(seen.items())),
        "debts": sorted(f"{storage}:{path}" for storage, path in known.debts),
    }


def audit(known, problems, options):
    measured, seen = {}, collections.Counter()
    check_ended(known, problems, options.state)
    check_attempts(known, problems)
    check_seeds(known, problems)
    if options.state == "Completed":
        check_events(known, problems, options.expect_events)
        check_outputs(known, problems)
        if known.merges:
            check_merges(known, problems)
        check_final(known, problems)
        if options.content == "jsonl":
            check_content(known, problems)
        if options.content == "simulated":
            check_simulated(known, problems)
    if options.state in LEAVES_NOTHING:
        check_nothing_left(known, problems)
    check_replicas(known, problems, measured)
    check_logs(known, problems)
    check_storages(known, problems, seen)
    print(json.dumps(summary(known, problems, measured, seen)))
    return 1 if problems.kinds else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog")
    parser.add_argument("production")
    parser.add_argument("--expect-events", type=int)
    parser.add_argument("--content", choices=["jsonl", "simulated", "none"], default="none")
    parser.add_argument("--state", choices=["Completed", "Rejected", "Cancelled", "Cleaned"], default="Completed")
    parser.add_argument("--root", action="append", default=[], metavar="STORAGE=DIRECTORY")
    options = parser.parse_args()
    try:
        roots = dict(root.split("=", 1) for root in options.root)
        known = Known(options.catalog, options.production, roots)
        return audit(known, Problems(), options)
    except (sqlite3.Error, LookupError, OSError) as error:
        print(f"audit.py: can not tell: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
