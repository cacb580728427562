// The details of the selected job: its state, result, params and log, and the actions on it.

// The job that is shown, and the controller that stops reading its log.
let shown = null;
let logReader = new AbortController();

// Shows the job whose id is in the URL.
async function showSelected() {
  const id = location.hash.slice(1);
  for (const [other, row] of rows) {
    if (other === id) row.firstChild.setAttribute('aria-current', 'true');
    else row.firstChild.removeAttribute('aria-current');
  }
  logReader.abort();
  shown = null;
  $('details').hidden = !id;
  $('main').classList.toggle('split', Boolean(id));
  if (!id) return;
  try {
    let job = jobs.get(id);
    if (!job) {
      const [found, latest] = await withEvents(get(`v1/jobs/${encodeURIComponent(id)}`));
      job = latest(found) ?? found;
    }
    // The user may have selected another job since.
    if (id !== location.hash.slice(1)) return;
    drawDetails(job);
  } catch (error) {
    if (error.status !== 404) showError(error);
    $('details').replaceChildren(heading('Job not found'), make('p', {}, error.message));
  }
}

async function select() {
  await showSelected();
  $('details').focus();
}

// Returns to the list.
function closeDetails() {
  const row = rows.get(location.hash.slice(1));
  history.pushState(null, '', location.pathname + location.search);
  select();
  row?.firstChild.focus();
}

// Redraws the details if the changed job is the one that is shown.
function updateDetails(job) {
  if (job.id === shown?.id) drawDetails(job);
}

// The heading of the details.
const heading = (title, job) => make('div', { class: 'title' },
  make('div', {}, make('h2', {}, title), job ? make('p', {}, status(job), make('span', { class: 'id' }, job.id)) : null),
  make('button', { type: 'button', onclick: closeDetails, title: 'Back to the list (Esc)' }, 'Close'));

const section = (title, ...children) => make('section', {}, make('h3', {}, title), ...children);

function drawDetails(job) {
  const log = shown?.id === job.id ? $('log') : null;
  const isAnotherJob = !log;
  const hasStarted = shown?.status === 'queued' && job.status !== 'queued';
  shown = job;
  const running = job.status === 'running';
  patch($('details'), [
    heading(operations.get(job.operation)?.title ?? job.operation, job),
    actions(job),
    running && make('div', {}, bar(job), make('p', { class: 'hint' }, progressText(job))),
    job.error && errorBox(job.error),
    job.output && section('Result', result(job.output)),
    section('Parameters', make('pre', {}, JSON.stringify(job.params, null, 2))),
    job.callback && section('Callback', callback(job.callback)),
    section('Details', about(job)),
    log ? log.parentElement : section('Log', make('pre', { id: 'log', tabindex: 0 })),
  ].filter(Boolean));
  if (isAnotherJob || hasStarted) readLog(job);
}

// Replaces only the children that differ, so that the others keep selection and focus.
function patch(parent, children) {
  children.forEach((child, index) => {
    const old = parent.children[index];
    if (!old) parent.append(child);
    else if (!old.isEqualNode(child)) old.replaceWith(child);
  });
  while (parent.children.length > children.length) parent.lastChild.remove();
}

// A list of names and values, without empty values.
function properties(pairs) {
  const list = make('dl');
  for (const [name, value] of pairs) {
    if (value != null && value !== '') list.append(make('dt', {}, name), make('dd', {}, value));
  }
  return list;
}

function about(job) {
  const end = Date.parse(job.finishedAt ?? new Date(Date.now() + clockOffset).toISOString());
  return properties([
    ['Operation', job.operation],
    ['Submitted', clock(job.createdAt)],
    ['Started', clock(job.startedAt)],
    ['Finished', clock(job.finishedAt)],
    ['Duration', terminal(job) && job.startedAt ? duration(end - Date.parse(job.startedAt)) : null],
    ['Attempt', job.attempt > 1 ? String(job.attempt) : null],
    ['Bytes', job.bytes && size(job.bytes.current) + (job.bytes.total ? ` of ${size(job.bytes.total)}` : '')],
    ['Last step', terminal(job) && job.status !== 'succeeded' ? progressText(job) : null],
    ['Expires', clock(job.expiresAt)],
  ]);
}

const result = (output) => properties([
  ['Name', output.filename],
  ['Size', size(output.size)],
  ['Type', output.mediaType],
  ['Path', output.path],
  ['SHA-256', make('span', { class: 'id' }, output.sha256)],
]);

const callback = (callback) => properties([
  ['State', callback.state],
  ['URL', callback.url],
  ['Attempts', callback.attempts ? String(callback.attempts) : null],
  ['Last error', callback.lastError],
]);

function errorBox({ code, message, innererror }) {
  const more = innererror?.stderr ?? (innererror && JSON.stringify(innererror, null, 2));
  return make('div', { class: 'problem' }, make('p', {}, message), make('code', {}, code),
    more ? make('pre', {}, more) : null);
}

function actions(job) {
  const { links } = job;
  const button = (text, action, kind) => make('button', {
    type: 'button',
    class: kind,
    onclick: async () => {
      try {
        await action();
      } catch (error) {
        showError(error);
      }
    },
  }, text);
  const path = `v1/jobs/${job.id}`;
  // A link sends no token. Without a cookie, the download uses the monitor URL, which needs none.
  const download = bearer ? `monitor/${links.monitor.split('/').pop()}/result` : `v1/downloads/${job.id}`;
  return make('div', { class: 'actions' },
    links.result ? make('a', { class: 'button primary', href: new URL(download, base), download: true }, 'Download') : null,
    links.cancel ? button('Cancel', () => post(`${path}/cancel`)) : null,
    links.retry ? button('Run again', async () => {
      location.hash = (await post(`${path}/retry`)).id;
    }) : null,
    button('Delete', async () => {
      if (!confirm('Delete this job and its result?')) return;
      await ask(path, { method: 'DELETE' });
      remove(job.seq);
      closeDetails();
    }, 'danger'));
}

// Shows the log as it is written.
async function readLog(job) {
  const MAX_CHARS = 256 * 1024;
  logReader.abort();
  logReader = new AbortController();
  const log = $('log');
  log.textContent = '';
  if (job.status === 'queued') return;
  try {
    for await (const chunk of chunks(`v1/jobs/${job.id}/log?follow`, logReader.signal)) {
      const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 4;
      log.append(chunk);
      if (log.textContent.length > 2 * MAX_CHARS) log.textContent = log.textContent.slice(-MAX_CHARS);
      if (atEnd) log.scrollTop = log.scrollHeight;
    }
  } catch {
    // Another job was selected, or the connection was lost, which the header shows.
  }
}
