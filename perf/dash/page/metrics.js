// What the heatmap can show of each core and sample.

import { PARTS } from './losses.js';
import { Histogram } from './histogram.js';
import { duration, round, share } from './format.js';

const shares = { low: 0.0001, high: 1, ticks: [0.0001, 0.001, 0.01, 0.1, 1], write: share, tick: round };
const wide = { high: 10, ticks: [0.0001, 0.001, 0.01, 0.1, 1, 10] };
const times = { low: 1e3, high: 1e8, ticks: [1e3, 1e4, 1e5, 1e6, 1e7, 1e8], write: duration, tick: (ns) => duration(ns).replace(/\.0+ /, ' ') };

// wakes returns the 99th percentile of the waits after a wake. It is kept, as it takes a while.
function wakes(c) {
  if (!c.waits) return null;
  c.wakes ??= new Histogram().add(c.waits.doorbell).add(c.waits.woken).quantile(0.99);
  return c.wakes;
}

const longest = (c) => (c.waits ? Math.max(c.waits.doorbell?.max ?? 0, c.waits.woken?.max ?? 0, c.waits.preempted?.max ?? 0) : null);

// Each has of(core, sample), which is null where it is not measured, and its scale.
export const METRICS = [
  { key: 'lost', name: 'Time lost, all sources', of: (c, s) => c.lost / s.span, ...shares },
  { key: 'delay', name: 'Run-queue delay: p99 after a wake', of: wakes, ...times },
  { key: 'longest', name: 'Run-queue delay: the longest', of: longest, ...times },
  ...PARTS.map((part, i) => ({
    key: part.key, name: `Time lost: ${part.name}`, of: (c, s) => (c.parts[i] === null ? null : c.parts[i] / s.span), ...shares,
  })),
  { key: 'unexplained', name: 'Gaps that nothing explains', of: (c, s) => (c.unexplained === null ? null : c.unexplained / s.span), ...shares },
];

// scaled returns the metric with a scale that has room for the samples: of several threads on a core, shares can be more than all.
export function scaled(metric, samples) {
  if (metric.write !== share) return metric;
  return samples.some((s) => s.cores.some((c) => metric.of(c, s) > 1.2)) ? { ...metric, ...wide } : metric;
}

// level is where on the scale a value is, from 0 to 1. The scale is logarithmic.
export const level = (metric, v) => (v <= 0 ? 0 : Math.log(v / metric.low) / Math.log(metric.high / metric.low));
