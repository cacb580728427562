// One job, whole: what it is, what became of it, what its work writes, and what can be done with it.

let shown = null;
let reading = new AbortController();

// Shows the job that the address names.
async function show() {
  const id = location.hash.slice(1);
  for (const [other, row] of rows) {
    if (other === id) row.firstChild.setAttribute('aria-current', 'true');
    else row.firstChild.removeAttribute('aria-current');
  }
  reading.abort();
  shown = null;
  $('details').hidden = !id;
  $('main').classList.toggle('split', Boolean(id));
  if (!id) return;
  try {
    let job = jobs.get(id);
    if (!job) {
      const [found, latest] = await hear(get(`v1/jobs/${encodeURIComponent(id)}`));
      job = latest(found) ?? found;
    }
    // Another may have been chosen meanwhile.
    if (id !== location.hash.slice(1)) return;
    drawDetails(job);
  } catch (error) {
    if (error.status !== 404) failed(error);
    $('details').replaceChildren(top('There is no such job'), make('p', {}, error.message));
  }
}

async function choose() {
  await show();
  $('details').focus();
}

function leave() {
  const row = rows.get(location.hash.slice(1));
  history.pushState(null, '', location.pathname + location.search);
  choose();
  row?.firstChild.focus();
}

// A job has changed: if it is the one that is shown, so does what is shown of it.
function detailsOf(job) {
  if (job.id === shown?.id) drawDetails(job);
}

const top = (title, job) => make('div', { class: 'title' },
  make('div', {}, make('h2', {}, title), job ? make('p', {}, status(job), make('span', { class: 'id' }, job.id)) : null),
  make('button', { type: 'button', onclick: leave, title: 'Back to the list (Esc)' }, 'Close'));

const part = (title, ...children) => make('section', {}, make('h3', {}, title), ...children);

function drawDetails(job) {
  const log = shown?.id === job.id ? $('log') : null;
  const isOther = !log;
  const hasBegun = shown?.status === 'queued' && job.status !== 'queued';
  shown = job;
  const running = job.status === 'running';
  patch($('details'), [
    top(operations.get(job.operation)?.title ?? job.operation, job),
    actions(job),
    running && make('div', {}, bar(job), make('p', { class: 'hint' }, doing(job))),
    job.error && problem(job.error),
    job.output && part('Result', result(job.output)),
    part('Params', make('pre', {}, JSON.stringify(job.params, null, 2))),
    job.callback && part('Callback', callback(job.callback)),
    part('About', about(job)),
    log ? log.parentElement : part('Log', make('pre', { id: 'log', tabindex: 0 })),
  ].filter(Boolean));
  if (isOther || hasBegun) readLog(job);
}

// What is as it was stays, with what is marked, focused or clicked on just now.
function patch(parent, children) {
  children.forEach((child, index) => {
    const old = parent.children[index];
    if (!old) parent.append(child);
    else if (!old.isEqualNode(child)) old.replaceWith(child);
  });
  while (parent.children.length > children.length) parent.lastChild.remove();
}

function facts(pairs) {
  const list = make('dl');
  for (const [name, value] of pairs) {
    if (value != null && value !== '') list.append(make('dt', {}, name), make('dd', {}, value));
  }
  return list;
}

function about(job) {
  const end = Date.parse(job.finishedAt ?? new Date(Date.now() + ahead).toISOString());
  return facts([
    ['Operation', job.operation],
    ['Submitted', clock(job.createdAt)],
    ['Started', clock(job.startedAt)],
    ['Ended', clock(job.finishedAt)],
    ['Took', terminal(job) && job.startedAt ? duration(end - Date.parse(job.startedAt)) : null],
    ['Attempt', job.attempt > 1 ? String(job.attempt) : null],
    ['Bytes', job.bytes && size(job.bytes.current) + (job.bytes.total ? ` of ${size(job.bytes.total)}` : '')],
    ['Last step', terminal(job) && job.status !== 'succeeded' ? doing(job) : null],
    ['Kept until', clock(job.expiresAt)],
  ]);
}

const result = (output) => facts([
  ['Name', output.filename],
  ['Size', size(output.size)],
  ['Type', output.mediaType],
  ['Path', output.path],
  ['SHA-256', make('span', { class: 'id' }, output.sha256)],
]);

const callback = (callback) => facts([
  ['State', callback.state],
  ['URL', callback.url],
  ['Attempts', callback.attempts ? String(callback.attempts) : null],
  ['Last error', callback.lastError],
]);

function problem({ code, message, innererror }) {
  const more = innererror?.stderr ?? (innererror && JSON.stringify(innererror, null, 2));
  return make('div', { class: 'problem' }, make('p', {}, message), make('code', {}, code),
    more ? make('pre', {}, more) : null);
}

function actions(job) {
  const { links } = job;
  const button = (text, work, kind) => make('button', {
    type: 'button',
    class: kind,
    onclick: async () => {
      try {
        await work();
      } catch (error) {
        failed(error);
      }
    },
  }, text);
  const path = `v1/jobs/${job.id}`;
  // Without a cookie a plain link shows no token, but a monitor link needs none.
  const download = bearer ? `monitor/${links.monitor.split('/').pop()}/result` : `v1/downloads/${job.id}`;
  return make('div', { class: 'actions' },
    links.result ? make('a', { class: 'button primary', href: new URL(download, base), download: true }, 'Download') : null,
    links.cancel ? button('Cancel', () => post(`${path}/cancel`)) : null,
    links.retry ? button('Run again', async () => {
      location.hash = (await post(`${path}/retry`)).id;
    }) : null,
    button('Delete', async () => {
      if (!confirm('Forget this job and its result?')) return;
      await ask(path, { method: 'DELETE' });
      forget(job.seq);
      leave();
    }, 'danger'));
}

// What the work writes, as it does.
async function readLog(job) {
  const MOST_CHARS = 256 * 1024;
  reading.abort();
  reading = new AbortController();
  const log = $('log');
  log.textContent = '';
  if (job.status === 'queued') return;
  try {
    for await (const piece of pieces(`v1/jobs/${job.id}/log?follow`, reading.signal)) {
      const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 4;
      log.append(piece);
      if (log.textContent.length > 2 * MOST_CHARS) log.textContent = log.textContent.slice(-MOST_CHARS);
      if (atEnd) log.scrollTop = log.scrollHeight;
    }
  } catch {
    // Another job is looked at, or the connection is gone, which is said elsewhere.
  }
}
