// Requests, errors and percentiles over time; drag to select a stretch.

import { byId } from "./dom.js";
import { duration, number } from "./format.js";

export class Timeline {
  constructor(onSelect) {
    this.onSelect = onSelect;
    this.box = byId("timeline");
    this.plot = null;
    new ResizeObserver(() => this.plot?.setSize({ width: this.box.clientWidth, height: this.height() })).observe(this.box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.last && this.show(this.last));
  }

  height() {
    return innerWidth < 760 ? 84 : 108;
  }

  show(timeline) {
    this.last = timeline;
    const { points, bucket_s: step } = timeline;
    this.plot?.destroy();
    this.plot = null;
    if (points.length < 1) return;
    const filled = [];
    for (const point of points) {
      const at = Date.parse(point.at) / 1000;
      let previous = filled.at(-1);
      // A stretch without requests is drawn as nothing, not as a line across it.
      if (previous && at - previous.at > step * 1.5 && step < 2e6) {
        filled.push({ at: previous.at + step, count: 0, errors: 0 });
        if (at - step > previous.at + step) filled.push({ at: at - step, count: 0, errors: 0 });
      }
      filled.push({ ...point, at });
    }
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const series = (name) => filled.map((point) => point[name] ?? null);
    const axis = { stroke: color("--dim"), grid: { stroke: color("--line"), width: 0.5 }, ticks: { show: false }, font: "10px system-ui" };
    const bars = uPlot.paths.bars({ size: [0.8, 60] });
    this.plot = new uPlot(
      {
        width: this.box.clientWidth,
        height: this.height(),
        padding: [6, 4, 0, 0],
        cursor: { drag: { x: true, y: false, setScale: false } },
        legend: { live: true },
        scales: { x: { range: () => [filled[0].at - step / 2, filled.at(-1).at + step / 2] }, ms: { range: (_u, _low, high) => [0, Math.max(1, high)] }, y: { range: (_u, _low, high) => [0, Math.max(1, high * 1.1)] } },
        axes: [{ ...axis, size: 22, values: (_u, ticks) => ticks.map((at) => tick(at, step)) }, { ...axis, size: 44 }, { ...axis, scale: "ms", side: 1, size: 58, grid: { show: false }, values: (_u, ticks) => ticks.map((ms) => duration(ms)) }],
        series: [
          { value: (_u, at) => (at === null ? "" : new Date(at * 1000).toLocaleString()) },
          { label: "requests", fill: color("--wait"), stroke: color("--wait"), paths: bars, points: { show: false }, value: (_u, v) => number(v) },
          { label: "errors", fill: color("--server"), stroke: color("--server"), paths: bars, points: { show: false }, value: (_u, v) => number(v) },
          { label: "dropped", fill: color("--client"), stroke: color("--client"), paths: bars, points: { show: false }, value: (_u, v) => number(v) },
          { label: "p50", scale: "ms", stroke: color("--ok"), width: 1, points: { show: false }, value: (_u, v) => duration(v) },
          { label: "p95", scale: "ms", stroke: color("--accent"), width: 1.5, points: { show: false }, value: (_u, v) => duration(v) },
          { label: "p99", scale: "ms", stroke: color("--client"), width: 1, dash: [3, 3], points: { show: false }, value: (_u, v) => duration(v) },
        ],
        hooks: {
          setSelect: [(plot) => {
            if (plot.select.width < 4) return;
            const from = plot.posToVal(plot.select.left, "x");
            const to = plot.posToVal(plot.select.left + plot.select.width, "x");
            this.onSelect(iso(from), iso(to));
          }],
        },
      },
      [filled.map((point) => point.at), series("count"), series("errors").map((v) => v || null), series("dropped").map((v) => v || null), series("p50"), series("p95"), series("p99")],
      this.box,
    );
  }
}

const iso = (seconds) => new Date(seconds * 1000).toISOString();

function tick(seconds, step) {
  const text = new Date(seconds * 1000);
  const pad = (value) => String(value).padStart(2, "0");
  const day = `${pad(text.getMonth() + 1)}-${pad(text.getDate())}`;
  const time = `${pad(text.getHours())}:${pad(text.getMinutes())}`;
  if (step >= 86400) return day;
  if (step >= 600) return `${day} ${time}`;
  if (seconds % 1) return "";
  return step >= 60 ? time : `${time}:${pad(text.getSeconds())}`;
}
