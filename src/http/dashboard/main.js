// Event handlers, and the connection to the server.

// Stops following the events.
let follower = new AbortController();

function showError(error) {
  if (error.status === 401) return askForToken();
  notify(error.message);
}

function askForToken() {
  follower.abort();
  $('main').hidden = true;
  $('new').hidden = true;
  $('sign-in').hidden = false;
  showHealth('', 'Not signed in');
  $('token').focus();
}

function showHealth(kind, text) {
  if ($('health').textContent === text) return;
  $('health').className = kind;
  $('health').textContent = text;
}

async function checkHealth() {
  try {
    await ask('readyz');
    showHealth('good', 'Ready');
  } catch (error) {
    showHealth('bad', error.status ? error.message : 'The server cannot be reached. Trying again …');
  }
}

// Follows events while the page is visible. After each connection it reloads the list, which covers what happened before;
// the events cover what happens after.
async function follow() {
  follower.abort();
  const mine = new AbortController();
  follower = mine;
  for (let pause = 500; !mine.signal.aborted; pause = Math.min(pause * 2, 15_000)) {
    try {
      let isListed = false;
      for await (const { name, data } of events('v1/events', mine.signal)) {
        if (!isListed) {
          await loadList();
          showSelected();
          isListed = true;
          pause = 500;
          checkHealth();
        }
        if (name === 'job') update(data);
        if (name === 'deleted') remove(data.seq);
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      if (error.status === 401) return askForToken();
      showHealth('bad', error.status ? error.message : 'The server cannot be reached. Trying again …');
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

async function start() {
  try {
    await loadOperations();
  } catch (error) {
    if (error.status === 401) return askForToken();
    showHealth('bad', error.status ? error.message : 'The server cannot be reached. Trying again …');
    return setTimeout(start, 3000);
  }
  $('sign-in').hidden = true;
  $('main').hidden = false;
  $('new').hidden = false;
  drawForm();
  follow();
}

$('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault();
  const fault = $('sign-in').querySelector('.fault');
  fault.textContent = '';
  try {
    if (await signIn($('token').value.trim())) {
      $('token').value = '';
      start();
    } else {
      fault.textContent = 'This token is not valid.';
    }
  } catch (error) {
    fault.textContent = error.message;
  }
});
$('filter').addEventListener('submit', (event) => event.preventDefault());
$('filter').addEventListener('change', () => {
  jobs.clear();
  loadList().catch(showError);
});
$('more').addEventListener('click', () => loadMore().catch(showError));
$('new').addEventListener('click', openForm);
$('close').addEventListener('click', () => $('submit').close());
$('operation').addEventListener('change', drawForm);
$('submit').addEventListener('submit', submitForm);
// Opens the section with the field that the browser finds invalid, so that its message is visible.
$('submit').addEventListener('invalid', (event) => event.target.closest('details')?.setAttribute('open', ''), true);
addEventListener('hashchange', select);
addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && location.hash && !$('submit').open) closeDetails();
});
document.addEventListener('visibilitychange', () => {
  if ($('main').hidden) return;
  if (document.hidden) follower.abort();
  else follow();
});
setInterval(() => {
  if (document.hidden || $('main').hidden) return;
  checkHealth();
  for (const id of jobs.keys()) drawRow(id);
}, 15_000);
start();
