# A marimo notebook: `marimo edit ray_pyg.py`, or `python ray_pyg.py`, or `marimo export html ray_pyg.py`.
# RAY_ADDRESS names another cluster than the platform's, such as ray://HOST:10001 or local.
import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Ray × PyTorch Geometric")


@app.cell
def _():
    import os
    import signal
    import socket
    import time

    import marimo as mo
    import ray

    return mo, os, ray, signal, socket, time


@app.cell
def _(mo):
    mo.md(r"""
    # Ray × PyTorch Geometric

    このノートブックは marimo のコンテナーで動き、グラフニューラルネットワーク(GCN)の学習は Ray クラスターで並列に実行されます。

    This notebook runs in marimo's container; the training of a graph neural network runs on the Ray cluster, several seeds at once.
    """)
    return


@app.cell
def _(mo, os, ray, signal, socket):
    address = os.environ.get("RAY_ADDRESS") or "ray://ray-cpu:10001"
    if not ray.is_initialized():
        handler = signal.getsignal(signal.SIGTERM)
        ray.init(address, log_to_driver=False)
        # Ray takes SIGTERM for itself; marimo ends its kernels with it, and would wait five minutes for this one.
        if signal.getsignal(signal.SIGTERM) is not handler:
            signal.signal(signal.SIGTERM, handler)
    resources = ray.cluster_resources()
    print("cluster_resources:", resources)
    mo.vstack(
        [
            mo.md(f"## クラスター / Cluster\n`{address}` に `{socket.gethostname()}` から接続しました。"),
            mo.ui.table(
                [
                    {"node": node["NodeManagerHostname"], "address": node["NodeManagerAddress"], "alive": node["Alive"],
                     "CPU": node["Resources"].get("CPU", 0), "GPU": node["Resources"].get("GPU", 0),
                     "memory (GB)": round(node["Resources"].get("memory", 0) / 1e9, 1)}
                    for node in ray.nodes()
                ],
                selection=None,
            ),
        ]
    )
    return (resources,)


@app.cell
def _(mo):
    mo.md(r"""
    ## 学習 / Training

    人工のグラフ(確率的ブロックモデル、400 ノード、4 クラス)のノードを分類します。ラベルは各クラス 5 ノードだけに与えます。

    The nodes of a graph made here (a stochastic block model, nothing is downloaded) are classified; five nodes of each class have labels.
    """)
    return


@app.cell
def _():
    CLASSES, SIZE, FEATURES, EPOCHS = 4, 100, 16, 60

    def train(seed):
        """Trains a GCN where Ray runs it; gives back the accuracy on unseen nodes after every epoch."""
        import socket

        import torch
        from torch.nn.functional import cross_entropy
        from torch_geometric.nn import GCNConv
        from torch_geometric.utils import stochastic_blockmodel_graph

        torch.manual_seed(seed)
        torch.set_num_threads(1)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        within, between = 0.06, 0.012
        odds = torch.full((CLASSES, CLASSES), between) + torch.eye(CLASSES) * (within - between)
        edges = stochastic_blockmodel_graph([SIZE] * CLASSES, odds).to(device)
        labels = torch.arange(CLASSES).repeat_interleave(SIZE).to(device)
        # A weak hint of the class in much noise: the edges must be used.
        hints = torch.randn(CLASSES, FEATURES)
        features = (hints[labels.cpu()] * 0.5 + torch.randn(CLASSES * SIZE, FEATURES)).to(device)
        known = torch.zeros(CLASSES * SIZE, dtype=torch.bool, device=device)
        for label in range(CLASSES):
            known[label * SIZE + torch.randperm(SIZE)[:5]] = True

        class GCN(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second = GCNConv(FEATURES, 32), GCNConv(32, CLASSES)

            def forward(self, x):
                x = self.first(x, edges).relu()
                return self.second(torch.nn.functional.dropout(x, training=self.training), edges)

        model = GCN().to(device)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
        accuracies = []
        for _ in range(EPOCHS):
            model.train()
            optimizer.zero_grad()
            cross_entropy(model(features)[known], labels[known]).backward()
            optimizer.step()
            model.eval()
            with torch.no_grad():
                right = model(features).argmax(1) == labels
            accuracies.append(right[~known].float().mean().item())
        return {"seed": seed, "host": socket.gethostname(), "device": device, "accuracies": accuracies}

    return CLASSES, EPOCHS, train


@app.cell
def _(mo, ray, resources, time, train):
    # A share of a GPU for every task where the cluster has one; without, it is the CPU's work.
    gpus = 0.25 if resources.get("GPU", 0) >= 1 else 0
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(train)
    started = time.monotonic()
    results = ray.get([task.remote(seed) for seed in range(6)])
    seconds = time.monotonic() - started
    for result in results:
        print(f"seed {result['seed']}: accuracy {result['accuracies'][-1]:.3f} on {result['host']}")
    mo.ui.table(
        [
            {"seed": result["seed"], "host": result["host"], "device": result["device"],
             "first epoch": f"{result['accuracies'][0]:.1%}", "last epoch": f"{result['accuracies'][-1]:.1%}"}
            for result in results
        ],
        selection=None,
    )
    return results, seconds


@app.cell
def _(CLASSES, EPOCHS, mo, results):
    def chart(width=720, height=260, left=56, bottom=36):
        """The accuracy of every seed over the epochs, as SVG."""
        def x(epoch):
            return left + (width - left - 12) * epoch / (EPOCHS - 1)

        def y(accuracy):
            return 12 + (height - 12 - bottom) * (1 - accuracy)

        lines = [
            f'<line x1="{left}" x2="{width - 12}" y1="{y(v)}" y2="{y(v)}" stroke="#8884"/>'
            f'<text x="{left - 8}" y="{y(v) + 4}" text-anchor="end">{v:.0%}</text>'
            for v in (0, 0.25, 0.5, 0.75, 1)
        ]
        chance = y(1 / CLASSES)
        lines.append(f'<line x1="{left}" x2="{width - 12}" y1="{chance}" y2="{chance}" stroke="#c00" stroke-dasharray="4"/>')
        for number, result in enumerate(results):
            points = " ".join(f"{x(e):.1f},{y(a):.1f}" for e, a in enumerate(result["accuracies"]))
            lines.append(f'<polyline points="{points}" fill="none" stroke-width="2" stroke="hsl({number * 60} 65% 45%)"/>')
        middle = (left + width) / 2
        lines.append(f'<text x="{middle}" y="{height - 6}" text-anchor="middle">エポック / epoch</text>')
        return (
            f'<svg viewBox="0 0 {width} {height}" style="max-width: {width}px; font: 13px sans-serif; fill: currentColor">'
            + "".join(lines) + "</svg>"
        )

    mo.vstack([mo.md("**テスト精度 / accuracy on unseen nodes** — 赤い破線は偶然 / the dashed line is chance"), mo.Html(chart())])
    return


@app.cell
def _(mo, results, seconds):
    final = [result["accuracies"][-1] for result in results]
    mean = sum(final) / len(final)
    hosts = sorted({result["host"] for result in results})
    print(f"GNN trained: {len(final)} seeds, mean accuracy {mean:.3f}, on {', '.join(hosts)}, in {seconds:.1f} s")
    mo.md(
        f"""
        ## 結果 / Result

        {len(final)} 個のシードの平均精度は **{mean:.1%}**、学習したホストは {', '.join(f'`{host}`' for host in hosts)}、{seconds:.1f} 秒でした。

        Mean accuracy of {len(final)} seeds: **{mean:.1%}**, in {seconds:.1f} s.
        """
    )
    return


if __name__ == "__main__":
    app.run()
