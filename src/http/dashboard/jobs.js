// The list of jobs: newest first, loaded page by page, and updated by events.

// The number of jobs to load at a time.
const PAGE_SIZE = 50;
// The largest number of rows. Older jobs are removed and can be loaded again.
const MAX_ROWS = 1000;
// Jobs and rows by id.
const jobs = new Map();
const rows = new Map();
// The ids of jobs whose rows are to be redrawn.
const changed = new Set();
// The `next` of the last page; null if the list is complete.
let next = null;

const filters = () => ({
  status: new FormData($('filter')).get('status'),
  operation: new FormData($('filter')).get('operation'),
});

const matchesFilters = (job) => Object.entries(filters()).every(([name, value]) => !value || job[name] === value);

// Jobs from events that arrived while a request was in flight, by their numbers. The response may be older than they are.
const recordings = new Set();

// Waits for a response. Returns it, and a function that replaces a job in it by a newer one, or by null if it was deleted.
async function withEvents(request) {
  const events = new Map();
  recordings.add(events);
  try {
    return [await request, (job) => (events.has(job.seq) ? events.get(job.seq) : job)];
  } finally {
    recordings.delete(events);
  }
}

const query = (parts) => new URLSearchParams(Object.entries(parts).filter(([, value]) => value));

// Reloads the list, with as many jobs as are shown.
async function loadList() {
  const limit = Math.min(Math.max(PAGE_SIZE, jobs.size), MAX_ROWS);
  const wanted = query({ ...filters(), limit });
  const [page, latest] = await withEvents(get(`v1/jobs?${wanted}`));
  // The user has changed the filters since; their list is on its way.
  if (!Object.entries(filters()).every(([name, value]) => value === (wanted.get(name) ?? ''))) return;
  jobs.clear();
  addPage(page, latest);
}

// Loads the next page.
async function loadMore() {
  const [page, latest] = await withEvents(get(`v1/jobs?${query({ ...filters(), limit: PAGE_SIZE, after: next })}`));
  addPage(page, latest);
  rows.get(page.jobs[0]?.id)?.firstChild.focus();
}

function addPage(page, latest) {
  for (const job of page.jobs.map(latest)) if (job && matchesFilters(job)) jobs.set(job.id, job);
  next = page.next;
  draw();
}

// Handles a changed job. A job older than the loaded pages is left to the page that it is on.
function update(job) {
  for (const events of recordings) events.set(job.seq, job);
  updateDetails(job);
  const isNew = !jobs.has(job.id);
  if (isNew && next !== null && job.seq < oldest()) return;
  if (matchesFilters(job)) jobs.set(job.id, job);
  else jobs.delete(job.id);
  if (changed.size === 0) requestAnimationFrame(drawChanged);
  changed.add(job.id);
}

// Handles a deleted job.
function remove(seq) {
  for (const events of recordings) events.set(seq, null);
  if (shown?.seq === seq) showSelected().catch(showError);
  const job = [...jobs.values()].find((one) => one.seq === seq);
  if (!job) return;
  jobs.delete(job.id);
  draw();
}

const oldest = () => Math.min(...[...jobs.values()].map((job) => job.seq));

function drawChanged() {
  for (const id of changed) drawRow(id);
  changed.clear();
  trim();
  drawEnd();
}

// Draws all rows.
function draw() {
  for (const id of rows.keys()) if (!jobs.has(id)) drawRow(id);
  for (const id of jobs.keys()) drawRow(id);
  trim();
  drawEnd();
}

// Removes the oldest rows beyond the limit.
function trim() {
  while ($('list').children.length > MAX_ROWS) {
    const id = $('list').lastChild.dataset.id;
    jobs.delete(id);
    drawRow(id);
    next = String(oldest());
  }
}

// Draws what follows the list: the button for more jobs, or a note if there are none.
function drawEnd() {
  $('more').hidden = next === null;
  $('none').hidden = jobs.size > 0;
  const { status, operation } = filters();
  $('none').textContent = status || operation ? 'No jobs match the filters.' : 'There are no jobs yet. Create one with “New job”.';
}

// Draws the row of a job. An existing row is updated in place, so that it keeps the focus.
function drawRow(id) {
  const job = jobs.get(id);
  let row = rows.get(id);
  if (!job) {
    row?.remove();
    rows.delete(id);
    return;
  }
  if (!row) {
    row = make('li', { 'data-id': id, 'data-seq': job.seq }, make('a', { class: 'row', href: `#${id}` }));
    const after = [...$('list').children].find((other) => Number(other.dataset.seq) < job.seq);
    $('list').insertBefore(row, after ?? null);
    rows.set(id, row);
  }
  const link = row.firstChild;
  link.replaceChildren(
    status(job),
    make('span', { class: 'subject' }, make('b', {}, job.operation), subject(job)),
    ago(job.createdAt),
    make('span', { class: 'outcome' }, outcomeText(job)),
    job.status === 'running' ? bar(job) : '',
  );
  if (id === location.hash.slice(1)) link.setAttribute('aria-current', 'true');
  else link.removeAttribute('aria-current');
}

function outcomeText(job) {
  if (job.error) return job.error.message;
  if (job.output) return `${job.output.filename} · ${size(job.output.size)}`;
  return terminal(job) ? '' : progressText(job);
}
