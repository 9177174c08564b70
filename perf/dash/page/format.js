// How figures and moments are written, and elements made.

export function duration(ns) {
  if (ns < 0) return `-${duration(-ns)}`;
  if (ns === 0) return '0';
  if (ns < 1e3) return `${digits(ns)} ns`;
  if (ns < 1e6) return `${digits(ns / 1e3)} µs`;
  if (ns < 1e9) return `${digits(ns / 1e6)} ms`;
  if (ns < 120e9) return `${digits(ns / 1e9)} s`;
  return `${Math.round(ns / 60e9)} min`;
}

// digits writes a number with three digits that count.
export function digits(v) {
  if (v === 0) return '0';
  return v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2);
}

export function share(part) {
  if (!part) return '0 %';
  const percent = 100 * part;
  if (percent < 0.01) return '< 0.01 %';
  return `${percent >= 99.95 ? percent.toFixed(0) : percent >= 10 ? percent.toFixed(1) : percent >= 0.1 ? percent.toFixed(2) : percent.toFixed(3)} %`;
}

// round is share for round numbers.
export const round = (part) => `${Number((100 * part).toPrecision(3))} %`;

export function count(n) {
  if (n < 10_000) return String(Math.round(n));
  if (n < 1e6) return `${digits(n / 1e3)} k`;
  if (n < 1e9) return `${digits(n / 1e6)} M`;
  return `${digits(n / 1e9)} G`;
}

export function bytes(n) {
  if (n < 1024) return `${Math.round(n)} B`;
  if (n < 1024 ** 2) return `${digits(n / 1024)} KiB`;
  if (n < 1024 ** 3) return `${digits(n / 1024 ** 2)} MiB`;
  return `${digits(n / 1024 ** 3)} GiB`;
}

const two = (n) => String(n).padStart(2, '0');

export function clock(ms) {
  const t = new Date(ms);
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

export function day(ms) {
  const t = new Date(ms);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
}

// printable is a thread's name or any other's text, without what would not be seen or would turn the line around.
export function printable(s) {
  return s.replace(/[\p{C}\u2028\u2029]/gu, '?');
}

// element makes an element. Children are elements and texts; of props, those that begin with on are listeners, the others attributes.
export function element(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children);
  return e;
}

// table makes a table of rows of texts or elements. Columns whose names end in > are aligned to the right.
export function table(caption, columns, rows) {
  const right = columns.map((c) => c.endsWith('>'));
  return element('table', {},
    element('caption', {}, caption),
    element('thead', {}, element('tr', {}, ...columns.map((c, i) => element('th', { scope: 'col', class: right[i] ? 'figure' : null }, c.replace(/>$/, ''))))),
    element('tbody', {}, ...rows.map((row) => element('tr', {}, ...row.map((cell, i) =>
      (i === 0 ? element('th', { scope: 'row', class: right[i] ? 'figure' : null }, cell) : element('td', { class: right[i] ? 'figure' : null }, cell)))))));
}
