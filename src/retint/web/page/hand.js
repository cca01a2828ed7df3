"use strict";
// What the hand does: the pointer, the keys, the controls; and the beginning.

let drawn = null, moved = null, held = null, space = false;

// Where an event is, in pixels of the image: (row, column), the centre of the first pixel being (0, 0).
function at(event) {
  const frame = board.getBoundingClientRect();
  const place = [(event.clientY - frame.top - view.y) / view.zoom - 0.5, (event.clientX - frame.left - view.x) / view.zoom - 0.5];
  return place.map((n) => Math.round(100 * n) / 100);
}

function ink(stroke, points = stroke.points) {
  const pen = $("ink").getContext("2d"), fine = devicePixelRatio;
  pen.setTransform(view.zoom * fine, 0, 0, view.zoom * fine, view.x * fine, view.y * fine);
  pen.lineWidth = stroke.width;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = `rgb(${model.colours[stroke.class].join(" ")})`;
  pen.beginPath();
  pen.moveTo(points[0][1] + 0.5, points[0][0] + 0.5);
  for (const [row, column] of points) pen.lineTo(column + 0.5, row + 0.5);
  pen.stroke();
}

// What the labels do not follow yet is shown as it was drawn.
function inkAgain() {
  [$("ink").width, $("ink").height] = [board.clientWidth, board.clientHeight].map((n) => n * devicePixelRatio);
  for (const stroke of drawn ? [...sent, drawn] : sent) if (stroke.image === open.image && stroke.slice === slice) ink(stroke);
}

function touches({ points, width }) {
  const [, rows, columns] = open.size, reach = width / 2;
  return points.some(([row]) => row > -reach) && points.some(([row]) => row < rows - 1 + reach)
    && points.some(([, column]) => column > -reach) && points.some(([, column]) => column < columns - 1 + reach);
}

board.addEventListener("pointerdown", (event) => {
  if (!open || opening || ended || drawn || moved) return;  // a second finger is none
  board.setPointerCapture(event.pointerId);
  held = event.pointerId;
  if (event.button === 0 && !space) {
    drawn = { image: open.image, slice, class: chosen, width: $("width").valueAsNumber, points: [at(event)] };
    ink(drawn);
  } else {
    moved = [event.clientX - view.x, event.clientY - view.y];
    board.classList.add("moving");
  }
});

board.addEventListener("pointermove", (event) => {
  pointer = event;
  if (drawn && event.pointerId === held) {
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const one of passed.length ? passed : [event]) drawn.points.push(at(one));
    ink(drawn, drawn.points.slice(-passed.length - 2));
  } else if (moved && event.pointerId === held) {
    [view.x, view.y, view.fitted] = [event.clientX - moved[0], event.clientY - moved[1], false];
    place();
  }
  tellUnder();
});

board.addEventListener("pointerleave", () => {
  pointer = null;
  tellUnder();
});

function letGo(event) {
  if (event.pointerId !== held) return;
  const stroke = event.type === "pointerup" && drawn;
  drawn = moved = held = null;
  board.classList.remove("moving");
  if (stroke && touches(stroke)) draw(stroke);
  else if (open) inkAgain();
}
board.addEventListener("pointerup", letGo);
board.addEventListener("pointercancel", letGo);

board.addEventListener("contextmenu", (event) => event.preventDefault());

board.addEventListener("wheel", (event) => {
  event.preventDefault();
  const frame = board.getBoundingClientRect();
  if (open) zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.clientX - frame.left, event.clientY - frame.top);
}, { passive: false });

function setWidth(by) {  // one pixel more or less or, of a broad one, a tenth
  $("width").value = $("width").valueAsNumber + by * Math.max(1, Math.round($("width").value / 10));
  $("width-now").value = $("width").value;
}

function hide(hidden) {
  for (const name of ["labels", "hints"]) canvases[name].style.visibility = hidden ? "hidden" : "";
  if (!hidden) shown();
}

function shown() {
  canvases.labels.style.opacity = $("opacity").value / 100;
  canvases.hints.style.visibility = $("strokes").checked ? "" : "hidden";
  $("opacity-now").value = `${$("opacity").value} %`;
}

const keys = {
  "[": () => setWidth(-1), "]": () => setWidth(1), "0": fit,
  d: () => model.model && $("doubt").click(), h: () => hide(true), " ": () => { space = true; },
  PageUp: () => openImage(tried - 1), PageDown: () => openImage(tried + 1),
};
const controls = { z: (shift) => change(shift ? "redo" : "undo"), y: () => change("redo"), s: save };

// What a key types or, if that is neither a Latin letter nor a digit nor a bracket, what it would on an English keyboard.
function named(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (/^([a-z\d[\] ]|(?!Dead).{2,})$/.test(key)) return key;
  return { BracketLeft: "[", BracketRight: "]" }[event.code] ?? /^(?:Key|Digit)(.)$/.exec(event.code)?.[1].toLowerCase() ?? key;
}

addEventListener("keydown", (event) => {
  if (event.target.matches("select") || event.altKey && event.key !== "[" && event.key !== "]") return;  // brackets may need Alt
  const key = named(event), control = (event.ctrlKey || event.metaKey) && !event.altKey;
  if (key === " " && event.target.matches("button, summary, input:not([type=range])")) return;  // it presses what has the focus
  const one = (control ? controls : keys)[key] ?? (!control && key >= "1" && key <= "9" ? () => choose(Number(key) - 1) : null);
  if (!one) return;
  event.preventDefault();
  if (!event.repeat || "[]".includes(key) || ("zy".includes(key) && !waiting)) one(event.shiftKey);
});

addEventListener("keyup", (event) => {
  if (named(event) === "h") hide(false);
  if (event.key === " ") space = false;
});

addEventListener("blur", () => {  // keys that are let go elsewhere are not told
  space = false;
  hide(false);
});

// After a click on anything but a slider, which has arrows, Space is the board's again.
addEventListener("click", (event) => {
  if (event.detail && event.target.matches("button, summary, label, label *")) setTimeout(() => document.activeElement.blur());
});

$("undo").onclick = () => change("undo");
$("redo").onclick = () => change("redo");
$("clear").onclick = () => change("clear");
$("advance").onclick = () => change("advance");
$("save").onclick = save;
$("finish").onclick = finish;
$("fit").onclick = fit;
$("previous").onclick = keys.PageUp;
$("next").onclick = keys.PageDown;
$("images").onchange = () => {
  openImage(Number($("images").value));
  $("images").blur();
};
$("opacity").oninput = $("strokes").onchange = shown;
$("width").oninput = () => setWidth(0);
$("doubt").onchange = () => open && then(() => refresh());
$("slice").oninput = () => { $("slice-now").value = $("slice").value; };
$("slice").onchange = () => then(() => showSlice($("slice").valueAsNumber));
addEventListener("resize", () => open && (view.fitted ? fit() : place()));

then(async () => {
  Object.assign(model, await tell("state"));
  $("model").textContent = model.model ?? "";
  for (const one of document.querySelectorAll(".modelled")) one.hidden = !model.model;
  model.classes.forEach((name, k) => {
    const one = document.createElement("label"), pick = document.createElement("input"), swatch = document.createElement("i");
    const called = document.createElement("b"), share = document.createElement("small"), key = document.createElement("kbd");
    [pick.type, pick.name, pick.onchange] = ["radio", "class", () => choose(k)];
    pick.setAttribute("aria-label", name);
    swatch.style.background = `rgb(${model.colours[k].join(" ")})`;
    [one.title, called.textContent, key.textContent] = [name, name, k < 9 ? k + 1 : ""];
    one.append(pick, swatch, called, share, key);
    $("classes").append(one);
  });
  model.images.forEach((name, n) => $("images").append(new Option(name, n)));
  $("classes").style.minHeight = `${2 * Math.min(model.classes.length, 8)}rem`;
  choose(0);
  shown();
  setWidth(0);
}).then(() => model.images && openImage(model.open ?? 0));
