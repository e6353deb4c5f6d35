"""The figures of ``bench/relevance.py`` as tables for a person."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_text(report: dict[str, Any]) -> str:
    """Return the report as tables."""
    lines = [f"curves {report['curves']}, threshold {report['threshold']}", ""]
    lines.append(f"{'has this corpus an answer? (AUC)':52} cosine relevance  found refused")
    for name, row in report["answers"].items():
        q = report["sets"][name]["queries"]
        lines.append(
            f"{name:52} {row['auc_cosine']:6.3f} {row['auc_relevance']:9.3f}"
            f" {q['found']:6.2f} {q['refused']:7.2f}"
        )
    judged = [row for name, row in report["answers"].items() if " texts /" not in name]
    means = [np.mean([row[key] for row in judged]) for key in ("auc_cosine", "auc_relevance")]
    lines.append(f"{'mean over the sets of pictures':52} {means[0]:6.3f} {means[1]:9.3f}")
    lines.append("")
    lines.append(f"{'half 1: is this hit relevant? (AUC)':52} cosine relevance  found refused")
    for name, row in report["sets"].items():
        i = row["hits"]
        lines.append(
            f"{name:52} {i['auc_cosine']:6.3f} {i['auc_relevance']:9.3f}"
            f" {i['found']:6.2f} {i['refused']:7.2f}"
        )
    lines += ["", "text and picture queries in one list"]
    for name, row in report["collections"].items():
        lines.append(f"{name:52} {row['auc_cosine']:6.3f} {row['auc_relevance']:9.3f}")
    lines += ["", "one threshold for all sets, balanced accuracy"]
    for level, row in report["pooled"].items():
        lines.append(
            f"  {level:8} best flat cosine cut {row['flat_cosine']:.3f} (at"
            f" {row['flat_cosine_at']:.2f}), relevance at the default {row['relevance']:.3f},"
            f" at its best ({row['relevance_best_cut']:.2f}) {row['relevance_at_its_best_cut']:.3f}"
        )
    lines.append("the same with the halves exchanged")
    for level, row in report["swapped"].items():
        lines.append(
            f"  {level:8} best flat cosine cut {row['flat_cosine']:.3f},"
            f" relevance at the default {row['relevance']:.3f}"
        )
    lines += ["", "share that is true, by relevance (true and false equally likely)"]
    lines += [f"  {name:20} {share:.2f}" for name, share in report["reliability"].items()]
    lines += ["", "passing the default: cases with / without an answer, items relevant / not"]
    for name, row in report["sorts"].items():
        cells = " ".join("    -" if one is None else f"{one:5.2f}" for one in row.values())
        lines.append(f"  {name:62} {cells}")
    lines += ["", "share of a collection that is returned where all of it answers"]
    for name, share in report["returned"].items():
        lines.append(f"  {name:62} {share:5.2f}")
    lines += ["", "fitted without the collection: balanced accuracy, queries and hits"]
    for name, row in report["left_out"].items():
        lines.append(f"  {name:52} {row['queries']:.3f} {row['hits']:.3f}")
    if report["left_out"]:
        means = np.mean([[row["queries"], row["hits"]] for row in report["left_out"].values()], 0)
        lines.append(f"  {'mean':52} {means[0]:.3f} {means[1]:.3f}")
    lines += ["", "order of hits: R@1 / R@10 (mean precision at 10 where many answer)"]
    for row in report["rankings"]:
        cells = "  ".join(f"{name} {value}" for name, value in row["orders"].items())
        lines.append(f"  {row['set']:52} {cells}")
    return "\n".join(lines)
