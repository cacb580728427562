"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const { versions, files, groups, changes, labels, lines } = data;
const CONFLICT = 1, BLANK = 2;
const CONTEXT = 3, CHANGED_LINES = 60, SHOWN_LINES = 200, SECTION_LINES = 300, LISTED = 300;
const KINDS = ["", "markup", "comment", ""];
const element = (id) => document.getElementById(id);
const view = element("lines"), list = element("changes"), place = element("place");
const isMerge = versions.length > 2;
const name = (version) => files[version] || versions[version];
// The versions of a side-by-side view.
const sides = [0, versions.length - 1];

/** Whether a change is shown as one. */
function isShown(change) {
  const flags = changes[change][1];
  return (!element("conflicts").checked || flags & CONFLICT) && (element("space").checked || !(flags & BLANK));
}

let shown = [];   // the changes that are shown, as indices
let isShownAt = [];
let at = -1;      // the current one, as an index into shown
let sections = [];

function has(group, version) { return group < 0 || groups[group].includes(version); }
function isOld(group) { return group >= 0 && groups[group].includes(0); }

/** A piece of a line, in a column of a side-by-side view or, without one, inline. */
function addPiece(out, piece, lineChange, version) {
  const [kind, group, change, text] = typeof piece === "string" ? [0, -1, 0, piece] : piece;
  if (version !== undefined && !has(group, version)) return;
  const isChange = change > 0 && change !== lineChange && isShownAt[change - 1];
  // Where a change is not shown as one, the last version stands for all.
  if (change > 0 && change !== lineChange && !isChange && version === undefined && !has(group, versions.length - 1)) return;
  const one = document.createElement("span");
  one.className = KINDS[kind];
  if (isChange) {
    one.classList.add(version === undefined ? (isOld(group) ? "del" : "ins") : (version === sides[0] ? "del" : "ins"));
    one.dataset.change = change;
    if (changes[change - 1][1] & CONFLICT) one.classList.add("conflict");
    if (isMerge && version === undefined) one.append(owner(group));
  }
  const isSpace = kind === 3 && isChange;
  one.append(isSpace ? text.replace(/ /g, "\u00b7").replace(/\t/g, "\u21e5").replace(/\n/g, "\u21b5\n") : text);
  out.append(one);
}

function owner(group) {
  const label = document.createElement("span");
  label.className = "owner";
  label.textContent = groups[group].map((version) => versions[version]).join(" = ");
  return label;
}

function lineElement(number, version) {
  const [depth, group, change, ...pieces] = lines[number];
  const out = document.createElement("div");
  out.className = "line";
  out.style.setProperty("--depth", Math.min(depth, 40));
  const isWhole = change > 0 && group >= 0;
  if (version !== undefined && isWhole && !has(group, version)) {
    out.classList.add("empty");
    return out;
  }
  if (isWhole && isShownAt[change - 1]) {
    out.classList.add(version === undefined ? (isOld(group) ? "del" : "ins") : (version === sides[0] ? "del" : "ins"));
    out.dataset.change = change;
    if (changes[change - 1][1] & CONFLICT) out.classList.add("conflict");
    if (isMerge && version === undefined && changes[change - 1][0] === number) out.append(owner(group));
  }
  for (const piece of pieces) addPiece(out, piece, isWhole ? change : 0, version);
  // White space that is not shown as a change would be an empty line.
  out.hidden = change > 0 && !isWhole && !isShownAt[change - 1] && !out.textContent.trim();
  return out;
}

function rowElement(number) {
  if (!element("side").checked) return lineElement(number);
  const row = document.createElement("div");
  row.className = "row";
  for (const side of sides) row.append(lineElement(number, side));
  return row;
}

/** Lines that a change makes visible: those of the change up to a limit, and some around it. */
function visibleLines() {
  const visible = new Uint8Array(lines.length);
  for (const change of shown) {
    const start = changes[change][0];
    let end = start;
    while (end < lines.length && end < start + CHANGED_LINES && lines[end][2] === change + 1) end++;
    visible.fill(1, Math.max(0, start - CONTEXT), Math.min(lines.length, Math.max(end, start + 1) + CONTEXT));
  }
  if (shown.length === 0) visible.fill(1, 0, CONTEXT);
  return visible;
}

/** Divides the lines into sections, which are rendered when they come into view. */
function divide() {
  const visible = visibleLines();
  sections = [];
  let section = { blocks: [], count: 0, start: 0 };
  const close = (next) => { section.end = next; sections.push(section); section = { blocks: [], count: 0, start: next }; };
  let line = 0;
  while (line < lines.length) {
    let end = line;
    while (end < lines.length && visible[end] === visible[line] && (!visible[line] || end - line < SECTION_LINES)) end++;
    const isFold = !visible[line] && end - line > 2;
    section.blocks.push([line, end, isFold]);
    section.count += isFold ? 1 : end - line;
    line = end;
    if (section.count >= SECTION_LINES) close(line);
  }
  if (section.blocks.length > 0) close(lines.length);
}

const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) fill(entry.target);
}, { root: view, rootMargin: "1200px" });

function fill(target) {
  const section = sections[target.dataset.section];
  if (section.isFilled) return;
  section.isFilled = true;
  observer.unobserve(target);
  target.style.minHeight = "";
  for (const [start, end, isFold] of section.blocks) {
    if (isFold) target.append(fold(start, end));
    else for (let line = start; line < end; line++) target.append(rowElement(line));
  }
}

function fold(start, end) {
  const bar = document.createElement("button");
  bar.className = "fold";
  bar.dataset.start = start;
  bar.dataset.end = end;
  bar.textContent = "\u22ef " + (end - start) + " lines";
  bar.onclick = () => {
    const until = Math.min(end, start + SHOWN_LINES);
    for (let line = start; line < until; line++) bar.before(rowElement(line));
    if (until < end) bar.before(fold(until, end));
    bar.remove();
  };
  return bar;
}

function render() {
  const current = at >= 0 ? shown[at] : -1;
  isShownAt = changes.map((_, change) => isShown(change));
  shown = [];
  isShownAt.forEach((is, change) => { if (is) shown.push(change); });
  at = shown.indexOf(current);
  divide();
  observer.disconnect();
  view.replaceChildren(...sections.map((section, number) => {
    const target = document.createElement("section");
    target.dataset.section = number;
    target.style.minHeight = section.count * 1.5 + "em";
    return target;
  }));
  view.querySelectorAll("section").forEach((target) => observer.observe(target));
  if (view.firstChild) fill(view.firstChild);
  renderList(0);
  show();
}

/** Adds the next entries to the list of changes. */
function renderList(from) {
  if (from === 0) list.replaceChildren();
  const until = Math.min(shown.length, from + LISTED);
  for (let number = from; number < until; number++) {
    const entry = document.createElement("button");
    const [, flags] = changes[shown[number]];
    entry.textContent = number + 1 + "  " + labels[shown[number]];
    if (flags & CONFLICT) entry.className = "conflict";
    entry.onclick = () => go(number);
    list.append(entry);
  }
  if (until < shown.length) {
    const more = document.createElement("button");
    more.textContent = "\u22ef " + (shown.length - until) + " more";
    more.onclick = () => { more.remove(); renderList(until); };
    list.append(more);
  }
}

function show() {
  const count = shown.length === 1 ? "1 change" : shown.length + " changes";
  place.textContent = shown.length === 0 ? "no changes" : (at < 0 ? count : at + 1 + " of " + count);
}

/** Goes to a change: renders its section and scrolls there. */
function go(number) {
  if (shown.length === 0) return;
  at = (number + shown.length) % shown.length;
  const change = shown[at];
  const line = changes[change][0];
  let low = 0, high = sections.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sections[middle].end > line) high = middle; else low = middle + 1;
  }
  fill(view.children[low]);
  document.querySelectorAll(".now").forEach((one) => one.classList.remove("now"));
  const marked = view.querySelectorAll('[data-change="' + (change + 1) + '"]');
  marked.forEach((one) => one.classList.add("now"));
  if (marked.length > 0) marked[0].scrollIntoView({ block: "center" });
  while (list.children.length <= at && list.lastChild) list.lastChild.click();
  list.children[at].classList.add("now");
  list.children[at].scrollIntoView({ block: "nearest" });
  show();
}

function describe() {
  const key = element("key");
  if (!isMerge) {
    for (const [version, kind] of [[0, "del"], [1, "ins"]]) {
      const one = document.createElement("span");
      one.className = kind;
      one.textContent = name(version);
      key.append(one);
    }
  } else {
    sides.forEach((side, number) => {
      const choice = document.createElement("select");
      choice.title = number === 0 ? "Left side" : "Right side";
      versions.forEach((_, version) => choice.add(new Option(name(version), version, version === side, version === side)));
      choice.onchange = () => { sides[number] = Number(choice.value); render(); };
      key.append(choice);
    });
  }
  document.title = versions.map((_, version) => name(version)).join(" \u2194 ");
  const flagged = (flag) => changes.filter((change) => change[1] & flag).length;
  element("conflict-choice").hidden = flagged(CONFLICT) === 0;
  element("space-choice").hidden = flagged(BLANK) === 0;
}

element("next").onclick = () => go(at + 1);
element("previous").onclick = () => go(at < 0 ? -1 : at - 1);
element("list").onchange = () => { list.hidden = !element("list").checked; };
for (const id of ["side", "conflicts", "space"]) element(id).onchange = render;
document.onkeydown = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "n") go(at + 1);
  if (event.key === "p") go(at < 0 ? -1 : at - 1);
};
describe();
render();
