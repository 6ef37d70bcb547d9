"""The job: a groupby over parquet on a Dask cluster, checked against pandas alone.

Runs in the reference environment, which need not know fastenv: `job.py SCHEDULER_ADDRESS DATA_FOLDER`. Prints one
JSON object: the env id of each process of the cluster, where local code was found, and whether the result is right.
"""

import json
import os
import sys
import time
from pathlib import Path

import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import Client

PARTS = 8
ROWS = 250_000
GROUPS = 100


def env_id() -> str:
    """The name of the environment that this process runs in."""
    return os.environ.get("FASTENV_ENV_ID", "none")


def local_code() -> list[str]:
    """Use the code that no index has; the names of the modules, if they lie in this process' own environment."""
    import demo_names
    import demo_rounding
    import demo_weights

    if demo_names.name_of(4) != "beech" or demo_rounding.rounded(demo_weights.weight(5) + 10) != 10:
        raise ValueError("local code is not what it should be")
    modules = [demo_names, demo_rounding, demo_weights]
    elsewhere = [module.__file__ for module in modules if not module.__file__.startswith(sys.prefix)]
    if elsewhere:
        raise ValueError(f"{elsewhere} lie outside of {sys.prefix}")
    return [module.__name__ for module in modules]


def generate(folder: Path) -> None:
    """Write the data: parts of a table with a key and a value."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(20)
    for part in range(PARTS):
        keys, values = random.integers(0, GROUPS, ROWS), random.integers(0, 1000, ROWS)
        pd.DataFrame({"key": keys, "value": values}).to_parquet(folder / f"part-{part}.parquet")


def main(address: str, folder: Path) -> None:
    """Compute, compare, and say who took part."""
    generate(folder)
    with Client(address, timeout=60, set_as_default=True) as client:
        client.wait_for_workers(2, timeout=120)
        started = time.perf_counter()
        found = dd.read_parquet(folder).groupby("key")["value"].sum().compute().sort_index()
        seconds = time.perf_counter() - started
        workers = {
            info["name"]: address for address, info in client.scheduler_info(n_workers=-1)["workers"].items()
        }
        told = client.run(env_id)
        env_ids = {"scheduler": client.run_on_scheduler(env_id)}
        env_ids |= {name: told[address] for name, address in workers.items()}
        local = client.run(local_code)
    alone = pd.read_parquet(folder).groupby("key")["value"].sum().sort_index()
    answer = {
        "env_ids": env_ids,
        "workers": sorted(workers),
        "local": {name: local[address] for name, address in workers.items()},
        "right": bool((found == alone).all()) and len(found) == len(alone),
        "rows": PARTS * ROWS,
        "groups": len(found),
        "seconds": seconds,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
