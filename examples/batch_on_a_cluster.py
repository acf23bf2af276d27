"""Analyse a batch of recordings on a dask cluster, stop, and go on where it stopped."""

from pathlib import Path

import tifffile
from distributed import Client, LocalCluster

import napari_varae as nv


def main() -> None:
    """Write three recordings and a sheet, and run the batch twice."""
    for seed in range(3):
        stack = nv.simulate(nv.SimulationConfig(frames=400, height=32, width=32, cells=4, seed=seed)).stack
        tifffile.imwrite(f"mouse{seed}.tif", stack.read(), metadata={"axes": "TYX"})
    sheet = Path("sheet.csv")
    sheet.write_text("path,frame_rate,a,b\nmouse0.tif,10,0:180,210:400\nmouse1.tif,10,0:180,210:400\n")
    settings = nv.read_settings(changes=["latents=6", "epochs=0", "threads=1", "resamples=99", "power_draws=0"])

    # On SLURM: SLURMCluster(cores=1, processes=1, job_cpu=4, memory="16GB"), from dask_jobqueue.
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        for row in nv.run_batch(sheet, "results", settings, client=client):
            print(row["name"], row["status"], f"p = {row['p_value']:.2f}")
        with sheet.open("a") as file:
            file.write("mouse2.tif,10,0:180,210:400\n")  # another recording: the first two are not computed again
        rows = nv.run_batch(
            sheet, "results", settings, client=client, report=lambda row, to_go: print("computed", row["name"], to_go)
        )
    print(len(rows), "recordings; see results/report.html and results/summary.csv")


if __name__ == "__main__":  # processes of a cluster import this script
    main()
