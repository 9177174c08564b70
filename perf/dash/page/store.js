// What is known: samples, of a server or a file, bounded by number and by bytes.

import { check } from './check.js';
import { weigh } from './losses.js';
import { duration } from './format.js';

const MOST_SAMPLES = 7200;
const MOST_BYTES = 96 * 1024 * 1024; // as they travel
const CLOCK_SLACK = 1000; // ms that the machine's clock may be moved without a word

export class Recording {
  constructor(name) {
    this.name = name;
    this.about = null; // the last one
    this.samples = []; // the oldest first; each has about, text, and in gap what is missing before it
    this.bytes = 0;
    this.forgot = 0;
  }

  get last() {
    return this.samples.at(-1) ?? null;
  }

  // add takes one message, with its text, and returns it as it is kept; null for a sample that is there already.
  add(value, text) {
    const m = check(value);
    m.text = text;
    if (m.kind === 'about') {
      this.about = m;
      return m;
    }
    if (!this.about) throw new Error('samples come before what says what they are of');
    const before = this.last;
    m.about = this.about;
    if (before && before.about.run === m.about.run && m.seq <= before.seq) return null;
    m.gap = gap(before, m);
    weigh(m);
    this.samples.push(m);
    this.bytes += text.length;
    while (this.samples.length > MOST_SAMPLES || (this.bytes > MOST_BYTES && this.samples.length > 1)) {
      this.bytes -= this.samples.shift().text.length;
      this.forgot++;
    }
    return m;
  }

  // lines returns the recording as a file.
  lines() {
    const out = [];
    let about = null;
    for (const s of this.samples) {
      if (s.about !== about) {
        about = s.about;
        out.push(`${about.text}\n`);
      }
      out.push(`${s.text}\n`);
    }
    return out;
  }
}

// gap says in words what lies between two samples that do not follow each other.
function gap(before, now) {
  if (!before) return '';
  if (before.about.run !== now.about.run) return 'another run of the server';
  if (now.seq !== before.seq + 1) return `${now.seq - before.seq - 1} samples missing`;
  const moved = now.time - before.time - (now.at - before.at) / 1e6;
  if (Math.abs(moved) > CLOCK_SLACK) return `the machine's clock was set ${moved < 0 ? 'back' : 'forward'} by ${duration(Math.abs(moved) * 1e6)}`;
  return '';
}

const MOST_FILE = 128 * 1024 * 1024;
const MOST_LINE = 2 * 1024 * 1024;

// open reads a file. It throws what is wrong with it, and where.
export async function open(file) {
  if (file.size > MOST_FILE) throw new Error(`it has ${Math.round(file.size / 1024 / 1024)} MiB, and ${MOST_FILE / 1024 / 1024} is the limit`);
  const recording = new Recording(file.name.slice(0, 100));
  const reader = file.stream().pipeThrough(new TextDecoderStream('utf-8', { fatal: true })).getReader();
  let left = '', line = 0;
  const take = (text) => {
    line++;
    if (!text.trim()) return;
    try {
      recording.add(JSON.parse(text), text.trim());
    } catch (error) {
      throw new Error(`line ${line}: ${error.message}`);
    }
  };
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (left + (value ?? '')).split('\n');
    left = lines.pop();
    lines.forEach(take);
    if (left.length > MOST_LINE) throw new Error(`line ${line + 1} is too long: this is no recording`);
    if (done) break;
  }
  take(left);
  if (!recording.samples.length) throw new Error('it has no samples');
  return recording;
}
