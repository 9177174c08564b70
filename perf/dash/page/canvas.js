// What the charts have in common: a canvas that is sharp at any size, colours of the theme, scales.

// fit sizes a canvas to its place, and returns its context and size in CSS pixels.
export function fit(canvas, height) {
  const width = Math.max(canvas.parentElement.clientWidth, 40), ratio = Math.min(devicePixelRatio || 1, 3);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
  }
  const g = canvas.getContext('2d');
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  g.textBaseline = 'middle';
  return { g, width, height };
}

// ink returns the theme's colours by name.
export function ink() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

// ramp returns a function from 0 to 1 to colours between those of the theme's --ramp, which is as light or dark as the value is high.
export function ramp() {
  const stops = ink()('ramp').split(/\s+/).map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const colours = Array.from({ length: 65 }, (_, i) => {
    const at = (i / 64) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
    return `rgb(${stops[low].map((c, k) => Math.round(c + (stops[low + 1][k] - c) * (at - low))).join(' ')})`;
  });
  return (v) => colours[Math.round(64 * Math.min(Math.max(v, 0), 1))];
}

// ceiling returns the next round number: 1, 2 or 5 times a power of ten.
export function ceiling(v) {
  const power = 10 ** Math.floor(Math.log10(v));
  for (const step of [1, 2, 5]) if (v <= step * power * 1.0001) return step * power;
  return 10 * power;
}

// columns divides samples into at most as many columns as there is room for, each a range of samples.
export function columns(samples, most) {
  const n = Math.min(samples.length, Math.max(Math.floor(most), 1));
  return Array.from({ length: n }, (_, i) => [Math.floor((i * samples.length) / n), Math.floor(((i + 1) * samples.length) / n)]);
}
