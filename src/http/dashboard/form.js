// The form for a new job, built from the JSON schema of an operation's params.

const operations = new Map();

async function loadOperations() {
  const { operations: all } = await get('v1/operations');
  operations.clear();
  for (const operation of all) operations.set(operation.name, operation);
  const option = ({ name, title }) => make('option', { value: name }, `${name}: ${title}`);
  $('operation').replaceChildren(...all.map(option));
  const select = $('filter').elements.operation;
  const value = select.value;
  select.replaceChildren(select.options[0], ...all.map(({ name }) => make('option', { value: name }, name)));
  select.value = operations.has(value) ? value : '';
}

const resolve = (schema, root) => {
  const name = schema.$ref?.replace('#/$defs/', '');
  return name ? { ...root.$defs?.[name], ...schema } : schema;
};

const typeOf = (schema) => [schema.type].flat().find((type) => type && type !== 'null');

// The values of an enumeration; null if the schema has none.
const choices = (schema) => schema.enum ?? (schema.oneOf?.every((one) => 'const' in one) ? schema.oneOf.map((one) => one.const) : null);

const isTextList = (schema) => typeOf(schema) === 'array' && [undefined, 'string'].includes(typeOf(schema.items ?? {}));

const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

// A control for one param, with a function that reads it: undefined if the user has not set it.
function control(name, schema, operation) {
  const id = `param-${name}`;
  const initial = schema.default;
  const required = operation.params.required?.includes(name) ?? false;
  const type = typeOf(schema);
  const input = (tag, attributes, ...children) => make(tag, { id, required, placeholder: initial, spellcheck: 'false', ...attributes }, ...children);
  const read = (element, parse) => ({ element, read: () => (element.value === '' ? undefined : parse(element.value)) });

  if (operation.inputs[name]) return inputControl(id, operation.inputs[name], required);
  const values = choices(schema);
  if (values) {
    const mustChoose = required && initial === undefined;
    const defaultText = initial === undefined ? 'Default' : `${initial} (default)`;
    const options = values.map((value, index) => make('option', { value: index }, String(value)));
    return read(input('select', { required: mustChoose }, make('option', { value: '' }, mustChoose ? '' : defaultText), ...options), (index) => values[index]);
  }
  if (type === 'boolean') {
    const check = make('input', { id, type: 'checkbox', checked: initial === true });
    return { element: check, read: () => (check.checked === (initial ?? false) && !required ? undefined : check.checked) };
  }
  if (type === 'integer' || type === 'number') {
    const { minimum: min, maximum: max } = schema;
    return read(input('input', { type: 'number', min, max, step: type === 'integer' ? 1 : 'any' }), Number);
  }
  if (isTextList(schema) || schema.anyOf?.some(isTextList)) {
    return read(input('textarea', { placeholder: 'One per line' }), (text) => {
      const all = lines(text);
      return all.length > 1 || isTextList(schema) ? all : all[0];
    });
  }
  if (type === 'string' || schema.anyOf?.some((one) => typeOf(one) === 'string')) {
    const secret = schema.writeOnly ? { type: 'password', autocomplete: 'off' } : { type: 'text' };
    return read(input('input', { ...secret, minlength: schema.minLength, maxlength: schema.maxLength }), String);
  }
  return read(input('textarea', { placeholder: 'JSON' }), JSON.parse);
}

// A control for a document: a file to upload, or a path or URL that the server reads.
function inputControl(id, { list, mediaTypes }, required) {
  const file = make('input', { id, type: 'file', multiple: list, accept: mediaTypes.join() || null });
  const placeholder = list ? 'or paths below a root, or URLs, one per line' : 'or a path below a root, or a URL';
  const locationField = make(list ? 'textarea' : 'input', { spellcheck: 'false', 'aria-label': 'Path or URL', placeholder });
  return {
    element: make('div', { class: 'field' }, file, locationField),
    files: () => [...file.files],
    read: () => {
      const locations = lines(locationField.value);
      if (required && !locations.length && !file.files.length) throw new Error('Choose a file, or enter a path or URL.');
      if (list) return locations.length ? locations : undefined;
      return file.files.length ? undefined : locations[0];
    },
  };
}

// Text in which backticks enclose code.
const withCode = (text) => text.split('`').map((part, index) => (index % 2 ? make('code', {}, part) : part));

const field = (name, label, hint, required, element) => make('div', { class: 'field', 'data-param': name },
  make('label', { for: element.id || element.firstChild.id }, label, required ? make('span', { class: 'required', title: 'Required' }, ' *') : null),
  element, hint ? make('p', { class: 'hint' }, ...withCode(hint)) : null, make('p', { class: 'fault' }));

let controls = [];

function drawForm() {
  const operation = operations.get($('operation').value);
  if (!operation) return;
  const { params } = operation;
  controls = Object.entries(params.properties ?? {}).map(([name, own]) => {
    const schema = resolve(own, params);
    const required = params.required?.includes(name) ?? false;
    const made = control(name, schema, operation);
    // The controls of documents explain themselves, so the general description of documents is left out.
    const hint = made.files && !own.$ref ? null : own.description;
    return { name, required, ...made, field: field(name, schema.title ?? name, hint, required, made.element) };
  });
  const option = (name, attributes) => make('input', { id: `option-${name}`, spellcheck: 'false', ...attributes });
  const output = option('output', { placeholder: '/root/file' });
  const callback = option('callback', { type: 'url' });
  $('about').replaceChildren(...withCode(params.description ?? ''));
  const required = controls.filter((one) => one.required);
  const optional = controls.filter((one) => !one.required);
  optional.push(
    { field: field('output', 'Output file', 'Write the result to this file below a root.', false, output) },
    { field: field('callback', 'Callback', 'Call this URL when the job ends.', false, callback) },
  );
  $('fields').replaceChildren(...required.map((one) => one.field),
    make('details', { open: required.length === 0 }, make('summary', {}, 'More options'), ...optional.map((one) => one.field)));
}

function clearFaults() {
  for (const fault of $('submit').querySelectorAll('.fault')) fault.textContent = '';
}

function openForm() {
  clearFaults();
  $('submit').showModal();
}

// The params from the form: an object, or a FormData if there are files to upload.
function params() {
  const values = {};
  for (const { name, read } of controls) {
    try {
      const value = read();
      if (value !== undefined) values[name] = value;
    } catch (error) {
      throw new Problem(0, { detail: error.message, errors: [{ pointer: `#/${name}`, detail: error.message }] });
    }
  }
  if (!controls.some((one) => one.files?.().length)) return values;
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) {
    for (const item of [value].flat()) form.append(name, typeof item === 'object' ? JSON.stringify(item) : item);
  }
  for (const one of controls) for (const file of one.files?.() ?? []) form.append(one.name, file);
  return form;
}

async function submitForm(event) {
  event.preventDefault();
  const button = event.submitter;
  clearFaults();
  button.disabled = true;
  try {
    const options = query({ output: $('option-output').value, callback: $('option-callback').value });
    const job = await submit(`v1/operations/${$('operation').value}?${options}`, params(), (sent) => {
      $('upload').hidden = false;
      $('upload').value = sent * 100;
    });
    $('submit').close();
    drawForm();
    location.hash = job.id;
  } catch (error) {
    if (error.status === 401) $('submit').close();
    showFaults(error);
  } finally {
    button.disabled = false;
    $('upload').hidden = true;
  }
}

// Shows each fault at its field, and the others below the form.
function showFaults(error) {
  if (error.status === 401) return showError(error);
  const elsewhere = [];
  let first = null;
  for (const { pointer, detail } of error.faults ?? []) {
    const name = pointer.replace(/^[#?]\/?/, '').split('/')[0];
    const control = $('fields').querySelector(`[data-param="${CSS.escape(name)}"]`);
    if (!control) { elsewhere.push(`${name}: ${detail}`); continue; }
    control.closest('details')?.setAttribute('open', '');
    control.querySelector(':scope > .fault').textContent = detail;
    first ??= control;
  }
  const fault = $('submit').querySelector('form > .fault');
  fault.textContent = first && elsewhere.length === 0 ? '' : [error.message, ...elsewhere].join('\n');
  first?.querySelector('input, select, textarea')?.focus();
}
