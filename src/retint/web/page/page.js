"use strict";
// The page shows what the server says and sends what a person does; it decides nothing about labels.

const $ = (id) => document.getElementById(id);
const board = $("board"), sheet = $("sheet");
const canvases = Object.fromEntries(["picture", "labels", "hints"].map((id) => [id, $(id)]));
const model = { classes: [], colours: [], background: null, doubt: [] };
const view = { zoom: 1, x: 0, y: 0, fitted: true };
const sent = new Set();   // strokes that the labels do not follow yet
let open = null;          // the image that is open, as the server tells it
let labels = null;        // one byte for each pixel of the slice that is shown
let counts = null;        // pixels of each class
let fresh = -1;           // how many changes the server had counted when the labels were shown
let tried = 0;            // the image that was asked for last
let pointer = null;       // where it was over the board
let chosen = 0, slice = 0, waiting = 0, opening = false, ended = false;
let queue = Promise.resolve();

// --- talking to the server -------------------------------------------------------------------------------------------

async function asked(name, how) {
  const response = await fetch(name, how).catch(() => {
    throw new Error("Retint does not answer: was it stopped? What was not saved when it was, it saved.");
  });
  if (response.ok) return response;
  const told = await response.json().catch(() => ({ error: response.statusText }));
  throw new Error(told.error);
}

async function tell(name, given = {}) {
  const how = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) };
  return (await asked(name, how)).json();
}

async function plane(name, box) {
  const query = new URLSearchParams({ image: open.image, slice, box });
  return new Uint8Array(await (await asked(`${name}?${query}`)).arrayBuffer());
}

// One thing after another, in the order in which it was done.
function then(what) {
  waiting++;
  board.classList.add("busy");
  queue = queue.then(what).catch((error) => {
    say(ended ? "Ended: you may close this page." : error.message, !ended);
  }).finally(() => {
    if (--waiting === 0) board.classList.remove("busy");
  });
  return queue;
}

function say(line, wrong = false) {
  $("said").textContent = line;
  $("said").classList.toggle("wrong", wrong);
}

// --- what is shown ---------------------------------------------------------------------------------------------------

function place() {
  sheet.style.setProperty("--zoom", view.zoom);
  sheet.classList.toggle("far", view.zoom * devicePixelRatio < 1);
  sheet.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
  inkAgain();
}

function fit() {
  if (!open) return;
  const [, rows, columns] = open.size;
  view.zoom = Math.min(board.clientWidth / columns, board.clientHeight / rows) * 0.97;
  view.x = (board.clientWidth - columns * view.zoom) / 2;
  view.y = (board.clientHeight - rows * view.zoom) / 2;
  view.fitted = true;
  place();
}

function zoom(by, x, y) {
  const most = Math.max(64, view.zoom), least = Math.min(1, view.zoom, board.clientWidth / open.size[2] / 4);
  const next = Math.min(Math.max(view.zoom * by, least), most);
  view.x = x - (x - view.x) * next / view.zoom;
  view.y = y - (y - view.y) * next / view.zoom;
  view.zoom = next;
  view.fitted = false;
  place();
}

// Colours as whole pixels of a canvas; values that have none stay clear.
function inks(colours) {
  const bytes = new Uint8Array(4 * 256);
  colours.forEach((colour, k) => colour && bytes.set([...colour, 255], 4 * k));
  return new Uint32Array(bytes.buffer);
}

function paint(name, values, [top, bottom, left, right], colours) {
  const wide = right - left, pen = canvases[name].getContext("2d"), many = 256;
  for (let row = top; row < bottom && wide; row += many) {  // some rows at a time, which takes less memory
    const part = values.subarray((row - top) * wide, (Math.min(row + many, bottom) - top) * wide);
    const pixels = new ImageData(wide, part.length / wide), dots = new Uint32Array(pixels.data.buffer);
    for (let n = 0; n < part.length; n++) dots[n] = colours[part[n]];
    pen.putImageData(pixels, left, row);
  }
}

async function refresh(box = [0, open.size[1], 0, open.size[2]]) {
  const [top, bottom, left, right] = box, columns = open.size[2];
  const [told, hints] = await Promise.all([plane("labels", box), plane("hints", box)]);
  const wide = right - left;
  for (let row = top; row < bottom; row++) {
    const part = told.subarray((row - top) * wide, (row - top + 1) * wide);
    const old = labels.subarray(row * columns + left, row * columns + right);
    for (let n = 0; n < wide; n++) {
      counts[old[n]]--;
      counts[part[n]]++;
    }
    old.set(part);
  }
  paint("hints", hints, box, inks(model.colours));
  if ($("doubt").checked) paint("labels", await plane("doubt", box), box, inks(model.doubt));
  else paint("labels", told, box, inks(model.colours.map((colour, k) => (k === model.background ? null : colour))));
  shares();
  tellUnder();
}

function shares() {
  const all = labels.length;
  document.querySelectorAll("#classes small").forEach((place, k) => {
    place.textContent = counts[k] ? `${(100 * counts[k] / all).toFixed(1)} %` : "";
  });
}

function known(told) {
  Object.assign(open, told);
  $("undo").disabled = !told.undo;
  $("redo").disabled = !told.redo;
  $("clear").disabled = !told.strokes;
  $("save").disabled = $("advance").disabled = false;
  $("save").classList.toggle("changed", told.changed);
  $("steps").textContent = `${told.steps} step${told.steps === 1 ? "" : "s"}`;
}

async function showSlice(number) {
  slice = number;
  const [, rows, columns] = open.size, size = rows * columns;
  labels = new Uint8Array(size).fill(255);
  counts = new Float64Array(256);
  counts[255] = size;
  for (const canvas of Object.values(canvases)) [canvas.width, canvas.height] = [columns, rows];
  const picture = new Image();
  picture.src = `picture.png?${new URLSearchParams({ image: open.image, slice, at: Date.now() })}`;
  await picture.decode();
  canvases.picture.getContext("2d").drawImage(picture, 0, 0);
  inkAgain();
  await refresh();
}

function openImage(number) {
  if (number < 0 || number >= $("images").length || opening || drawn) return;
  say(model.model ? "labelling …" : "reading …");
  [opening, tried] = [true, number];
  board.classList.add("opening");
  return then(async () => {
    try {
      const told = await tell("open", { image: number }), before = open;
      [open, fresh, sheet.hidden] = [told, told.changes, false];
      $("slices").hidden = told.size[0] === 1;
      $("slice").max = told.size[0] - 1;
      $("slice").value = $("slice-now").value = Math.floor(told.size[0] / 2);
      document.title = `${told.name} – Retint`;
      known(told);
      if (before?.image !== told.image) fit();
      await showSlice($("slice").valueAsNumber);
      say(told.warnings.join("  "));
      await marked();
    } finally {
      opening = false;
      board.classList.remove("opening");
      $("images").value = open ? open.image : number;
      $("previous").disabled = tried === 0;  // from one that cannot be opened, on to the next
      $("next").disabled = tried === $("images").length - 1;
    }
  });
}

async function marked() {
  const told = await tell("state");
  told.written.forEach((done, n) => { $("images").options[n].textContent = `${done ? "✓ " : ""}${told.images[n]}`; });
}

// --- what a person does ----------------------------------------------------------------------------------------------

// What is done is done to the image that was shown then, whatever is open by the time the server is told.
function change(name, given = {}) {
  if (!open || opening || ended) return;
  const asked = { image: open.image, slice, ...given }, [slices, rows, columns] = open.size;
  return then(async () => {
    const told = await tell(name, asked);
    // another page may have drawn, too
    const [first, end, ...box] = told.changes === fresh + 1 ? told.box : [0, slices, 0, rows, 0, columns];
    fresh = -1;
    known(told);
    if (first <= slice && slice < end) await refresh(box);
    fresh = told.changes;
    const where = first <= slice && slice < end || first === end ? "" : ` · slice ${first}${end - first > 1 ? ` to ${end - 1}` : ""}`;
    say(`${told.strokes} stroke${told.strokes === 1 ? "" : "s"} · ${Math.round(1000 * told.seconds)} ms${where}`);
  });
}

function draw(stroke) {
  sent.add(stroke);
  Promise.resolve(change("stroke", stroke)).then(() => {
    sent.delete(stroke);
    inkAgain();
  });
}

function save() {
  if (!open || opening || ended) return;
  const asked = { image: open.image };
  return then(async () => {
    const told = await tell("save", asked);
    known({ ...open, changed: false });
    say(`saved ${told.labels}`);
    await marked();
  });
}

function finish() {
  return then(async () => {
    const told = await tell("finish");
    ended = true;
    say(`Ended: ${told.written} of ${$("images").length} written. You may close this page.`);
    document.querySelectorAll("aside button, aside input, aside select").forEach((one) => { one.disabled = true; });
  });
}

function choose(number) {
  if (number >= model.classes.length) return;
  chosen = number;
  const one = $("classes").children[number];
  one.firstChild.checked = true;
  one.scrollIntoView({ block: "nearest" });
}

function tellUnder() {
  const [row, column] = pointer && open ? at(pointer).map(Math.round) : [-1, -1], [, rows, columns] = open?.size ?? [0, 0, 0];
  const inside = row >= 0 && row < rows && column >= 0 && column < columns;
  const called = inside && model.classes[labels[row * columns + column]];
  $("under").textContent = inside ? `${called ? `${called} · ` : ""}row ${row}, column ${column}` : "";
}
