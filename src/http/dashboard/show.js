// Helpers that build elements. Text from jobs goes into the page as text only, never as HTML or as a link.

const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

const terminal = (job) => job.finishedAt !== null;

function size(bytes) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  return `${power ? (bytes / 1000 ** power).toPrecision(3) : bytes} ${units[power]}`;
}

function duration(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

// How long ago a time was, by the server's clock.
function ago(time) {
  const passed = Date.now() + clockOffset - Date.parse(time);
  const text = passed < 10_000 ? 'just now' : `${duration(passed)} ago`;
  return make('time', { datetime: time, title: new Date(time).toLocaleString() }, text);
}

const clock = (time) => (time ? make('time', { datetime: time }, new Date(time).toLocaleString()) : null);

const status = (job) => make('span', { class: `status ${job.status}` }, job.status[0].toUpperCase() + job.status.slice(1));

function bar(job) {
  const percent = job.percentComplete;
  return make('progress', { max: 100, value: percent, 'aria-label': 'Progress' });
}

// The progress of a job in words.
function progressText(job) {
  const { phase, stage, percentComplete } = job;
  return [
    percentComplete === null ? null : `${Math.floor(percentComplete)} %`,
    phase,
    stage && `${stage.current} of ${stage.total}`,
    stage?.name,
  ].filter(Boolean).join(' · ');
}

// The values that describe a job best: paths and URLs from its params first, then other values.
function subject(job) {
  const values = Object.values(job.params).map((value) => {
    const one = (Array.isArray(value) ? value[0] : value) ?? '';
    return String(one.name ?? one.path ?? one.uri ?? one.id ?? one);
  });
  const isPath = (text) => /^\/|:\/\/|\.\w+$/.test(text);
  return [...values.filter(isPath), ...values.filter((text) => !isPath(text))].filter(Boolean).slice(0, 3).join(', ');
}

let messageTimer;
// Shows a message for a while.
function notify(text) {
  $('message').textContent = text;
  $('message').hidden = false;
  clearTimeout(messageTimer);
  messageTimer = setTimeout(() => { $('message').hidden = true; }, 8_000);
}
