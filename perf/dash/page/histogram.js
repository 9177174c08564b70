// Histograms of durations in ns, with the buckets that package probe's documentation has.

import { BUCKETS } from './check.js';

// bounds returns the values that a bucket is for: from low up to, and not including, high.
export function bounds(bucket) {
  if (bucket < 32) return [bucket, bucket + 1];
  const width = 2 ** (Math.floor(bucket / 32) - 1);
  const low = (32 + (bucket % 32)) * width;
  return [low, low + width];
}

export class Histogram {
  constructor() {
    this.n = 0;
    this.sum = 0;
    this.max = 0;
    this.counts = null;
  }

  // add adds one that came, or nothing.
  add(h) {
    if (!h || !h.n) return this;
    this.counts ??= new Float64Array(BUCKETS);
    this.n += h.n;
    this.sum += h.sum;
    this.max = Math.max(this.max, h.max);
    for (let i = 0; i < h.b.length; i += 2) this.counts[h.b[i]] += h.b[i + 1];
    return this;
  }

  // quantile returns a duration that a share q of all does not exceed; 0 if there is none.
  quantile(q) {
    if (!this.n) return 0;
    let rank = Math.min(Math.max(Math.floor(q * this.n + 0.5), 1), this.n);
    for (let i = 0; i < BUCKETS; i++) {
      if (this.counts[i] && rank <= this.counts[i]) {
        const [low, high] = bounds(i);
        return Math.min((low + high) / 2, this.max);
      }
      rank -= this.counts[i];
    }
    return this.max;
  }

  // curve returns points of duration over how rare longer ones are: 10 is one in ten, 1000 one in a thousand, the last one the longest.
  curve() {
    const points = [];
    let below = 0;
    for (let i = 0; this.n && i < BUCKETS; i++) {
      if (!this.counts[i]) continue;
      const rarity = this.n / (this.n - below);
      below += this.counts[i];
      const [low, high] = bounds(i);
      points.push([rarity, Math.min((low + high) / 2, this.max)]);
    }
    if (points.length) points.push([this.n, this.max]);
    return points;
  }
}
