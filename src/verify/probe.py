"""What an image finds in itself when a container of it runs: `python - VERB …`, this text on standard input.

Prints one JSON object. What others print goes to standard error, and so does what is being done: whoever runs out of
patience sees where. Standard library only.
"""
import csv
import importlib
import importlib.metadata
import json
import os
import platform
import pwd
import re
import signal
import subprocess
import sys
import time
import traceback
import urllib.request

ENVIRONMENT = "/opt/conda/envs/py"
NAMED = 20  # files, of thousands that may be missing


def say(text):
    print(text, file=sys.stderr, flush=True)


def timed(work):
    """The seconds that `work` took are in what it gives."""
    start = time.monotonic()
    found = work()
    return {**found, "seconds": time.monotonic() - start}


def error_of(error):
    return f"{type(error).__name__}: {error}"


def child(work):
    """Runs `work(tell)` in a process of its own: what it told, and why it did not end well, or None."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        status = 0
        with os.fdopen(write, "w") as pipe:
            try:
                work(lambda value: print(json.dumps(value), file=pipe, flush=True))
            except BaseException as error:
                traceback.print_exc()
                print(json.dumps({"ended": error_of(error)}), file=pipe, flush=True)
                status = 1
        sys.stderr.flush()
        os._exit(status)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = [json.loads(line) for line in pipe]
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status < 0:
        return told, f"the process was ended by {signal.Signals(-status).name}"
    if status and told and "ended" in told[-1]:
        return told[:-1], told[-1]["ended"]
    return told, None if status == 0 else f"the process ended with {status}"


def distributions():
    say("reading what is installed")
    found = importlib.metadata.distributions()
    names = [(re.sub(r"[-_.]+", "-", d.metadata["Name"] or "").lower(), d.version) for d in found]
    return {"found": sorted(names)}


def files():
    """Every file that a RECORD names is there and has its size."""
    say("looking for every installed file")
    count, missing, sizes = 0, [], {}
    for distribution in importlib.metadata.distributions():
        for path, _, size in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
            if path.endswith(".pyc"):
                continue
            count += 1
            place = str(distribution.locate_file(path))
            try:
                actual = os.stat(place).st_size
            except OSError:
                missing.append(path)
                continue
            sizes.setdefault((place, path, actual), []).append(int(size or actual))
    # Of a package that several distributions share, one's __init__.py is there for all.
    changed = [path for (_, path, actual), recorded in sizes.items() if actual not in recorded]
    return {
        "count": count,
        "missing": len(missing), "missing_named": sorted(missing)[:NAMED],
        "changed": len(changed), "changed_named": sorted(changed)[:NAMED],
    }


def user():
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = ""
    home = os.path.expanduser("~")
    return {
        "uid": os.getuid(), "gid": os.getgid(), "name": name, "home": home,
        "home_is_writable": os.access(home, os.W_OK),
    }


def says(*command):
    """What a command prints; an error with its last words where it fails."""
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if ran.returncode:
        words = (ran.stderr or ran.stdout).strip().splitlines()[-1:] or [""]
        raise RuntimeError(f"ended with {ran.returncode}: {words[0]}")
    return ran.stdout.strip()


def layout(names):
    """The ways in which templates for rayproject/ray start what is inside."""
    say("trying the ways in")
    program = "ray" if "ray" in names else "python"

    def account():
        entry = pwd.getpwnam("ray")
        if (entry.pw_uid, entry.pw_dir) != (1000, "/home/ray"):
            raise RuntimeError(f"uid {entry.pw_uid}, home {entry.pw_dir}")

    def inside(found):
        if os.path.dirname(os.path.realpath(os.path.dirname(found))) != os.path.realpath(ENVIRONMENT):
            raise RuntimeError(f"finds {program} at {found!r}")

    def anaconda():
        says(f"/home/ray/anaconda3/bin/{program}", "--version")

    def conda():
        prefix = says("/opt/conda/bin/conda", "run", "-n", "py", "python", "-c", "import sys; print(sys.prefix)")
        if prefix != ENVIRONMENT:
            raise RuntimeError(f"runs the Python of {prefix}")

    ways = {
        "user ray": account,
        f"/home/ray/anaconda3/bin/{program}": anaconda,
        "/opt/conda/bin/conda run -n py": conda,
        "su - ray": lambda: inside(says("su", "-", "ray", "-c", f"command -v {program}")),
        "bash -lc": lambda: inside(says("bash", "-lc", f"command -v {program}")),
    }
    broken = []
    for way, tried in ways.items():
        try:
            tried()
        except Exception as error:
            broken.append([way, error_of(error)])
    return {"ways": list(ways), "broken": broken}


def product():
    """What torch says of itself, and one product of matrices."""
    import torch

    a = torch.arange(6.0).reshape(2, 3)
    # torch.cuda.get_arch_list() has no list where there is no GPU.
    archs = getattr(torch._C, "_cuda_getArchFlags", lambda: None)() or ""
    return {"cuda": torch.version.cuda, "archs": archs.split(), "product": (a @ a.T).tolist()}


def layer():
    """One graph convolution over three nodes in a row."""
    import torch
    from torch_geometric.nn import GCNConv

    edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    out = GCNConv(4, 2)(torch.ones(3, 4), edges)
    return {"shape": list(out.shape), "finite": bool(torch.isfinite(out).all())}


def imports(names):
    """Each module by its name, in this order; then what can be computed with them."""
    def one(name):
        module = importlib.import_module(name)
        return {"name": name, "version": str(getattr(module, "__version__", "")), "error": None}

    def import_all(names, tell):
        for name in names:
            say(f"importing {name}")
            try:
                tell(timed(lambda: one(name)))
            except BaseException as error:
                traceback.print_exc()
                tell({"name": name, "version": "", "error": error_of(error), "seconds": 0.0})

    def compute(what, work, tell):
        say(f"computing: {what}")
        try:
            tell({"kind": what, **timed(work)})
        except BaseException as error:
            traceback.print_exc()
            tell({"kind": what, "error": error_of(error), "seconds": 0.0})

    def all_of_it(tell, left):
        import_all(left, tell)
        if "torch" in names:
            compute("torch", product, tell)
        if "torch_geometric" in names:
            compute("layer", layer, tell)

    found, left, computed = [], list(names), {}
    while left:
        told, why = child(lambda tell: all_of_it(tell, left))
        imported = [one for one in told if "name" in one]
        computed.update({one.pop("kind"): one for one in told if "kind" in one})
        found += imported
        left = left[len(imported):]
        if left and why:
            found.append({"name": left.pop(0), "version": "", "error": why, "seconds": 0.0})
        elif why:
            for kind, module in (("torch", "torch"), ("layer", "torch_geometric")):
                if module in names:
                    computed.setdefault(kind, {"error": why, "seconds": 0.0})
    return {"found": found, **computed}


def facts(*names):
    installed = timed(distributions)
    return {
        "python": platform.python_version(),
        "distributions": installed,
        "files": timed(files),
        "user": user(),
        "layout": timed(lambda: layout([name for name, _ in installed["found"]])),
        "imports": imports(names),
    }


def status(patience):
    """`ray status`, until it knows of a cluster: in the first seconds it exits 0 and knows of none."""
    end = time.monotonic() + float(patience)
    while True:
        ran = subprocess.run(["ray", "status"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if ran.returncode == 0 and "Active:" in ran.stdout:
            return {"status": ran.stdout}
        if time.monotonic() > end:
            raise RuntimeError(f"ray status: {(ran.stdout + ran.stderr).strip()[-500:]}")
        time.sleep(0.5)


def on_cluster(address):
    """Four tasks on the cluster at this address."""
    import ray

    # A cluster that another Ray answers from never gets a task done.
    signal.alarm(110)
    ray.init(address, log_to_driver=False)
    square = ray.remote(lambda x: (x * x, platform.node()))
    done = ray.get([square.remote(n) for n in range(4)])
    found = {
        "ray": ray.__version__, "squares": [n for n, _ in done], "nodes": sorted({host for _, host in done}),
        "resources": {name: amount for name, amount in ray.cluster_resources().items() if name in ("CPU", "GPU")},
    }
    ray.shutdown()
    return found


def get(url, patience):
    """The answer of a server that is still starting."""
    end = time.monotonic() + float(patience)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(url, timeout=5) as answer:
                return {"status": answer.status, "body": answer.read(2000).decode(errors="replace")}
        except OSError as error:
            if time.monotonic() > end:
                raise RuntimeError(f"{url}: {error}") from None
        time.sleep(0.3)


def gpu():
    """Every GPU computes a product, and all of them add up numbers through NCCL."""
    def products(tell):
        import torch

        if not torch.cuda.is_available():
            raise RuntimeError("torch.cuda.is_available() is False")
        names = []
        for index in range(torch.cuda.device_count()):
            a = torch.ones(256, 256, device=f"cuda:{index}")
            if (a @ a).sum().item() != 256.0 ** 3:
                raise RuntimeError(f"cuda:{index}: the product is wrong")
            names.append(torch.cuda.get_device_name(index))
        tell(names)

    def reduced(rank, world, tell):
        import torch
        import torch.distributed as group

        torch.cuda.set_device(rank)
        group.init_process_group("nccl", init_method="tcp://127.0.0.1:29512", rank=rank, world_size=world)
        a = torch.ones(1, device="cuda")
        group.all_reduce(a)
        group.destroy_process_group()
        tell(a.item())

    told, why = child(products)
    if why:
        raise RuntimeError(f"a product on the GPU: {why}")
    names = told[0]
    return {"names": names, "sums": sums(names, reduced)}


def sums(names, reduced):
    """What each rank got, all of them at work at once. CUDA does not survive a fork, and this process never touches it."""
    pids, pipes = [], []
    for index in range(len(names)):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                with os.fdopen(write, "w") as pipe:
                    reduced(index, len(names), lambda value: pipe.write(json.dumps(value)))
                status = 0
            except BaseException:
                traceback.print_exc()
            os._exit(status)
        os.close(write)
        pids.append(pid)
        pipes.append(read)
    found = []
    for index, (pid, read) in enumerate(zip(pids, pipes)):
        with os.fdopen(read) as pipe:
            text = pipe.read()
        if os.waitpid(pid, 0)[1] or not text:
            raise RuntimeError(f"NCCL: rank {index} did not end well")
        found.append(json.loads(text))
    return found


VERBS = {"facts": facts, "status": status, "cluster": on_cluster, "get": get, "gpu": gpu}

# Only the answer goes to standard output, whatever a module prints when it is imported.
answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])), file=answer, flush=True)
