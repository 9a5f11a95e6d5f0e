"use strict";
/* The front page: bars by class, and the heat map of draws by class. */
const heatTable = (place, headline, { classes, draws, values }) => {
  const top = Math.max(...values.flat().filter((value) => value !== null), 1e-9);
  const shaded = (value) => {
    const cell = FS.element("td", {}, FS.percent(value));
    cell.style.setProperty("--share", value === null ? 0 : value / top);
    return cell;
  };
  FS.table(place, `${headline} by support draw and class`, ["Draw", ...classes], draws.map((draw, i) => [String(draw), ...values[i].map(shaded)]));
};

for (const section of document.querySelectorAll("section.board")) {
  const board = FS.data.boards[Number(section.dataset.board)];
  const boxes = [...section.querySelectorAll(".picker input")];
  const place = section.querySelector(".classes");
  const bars = () => {
    const chosen = boxes.filter((box) => box.checked).map((box) => Number(box.value));
    FS.classBars(place, board.classes, chosen.map((i) => ({ label: board.methods[i].label, colour: board.methods[i].colour, values: board.methods[i].classes })), board.headline);
  };
  for (const box of boxes) box.addEventListener("change", bars);
  FS.onTheme(bars);
  FS.byAttribute(section, board.attributes, (place, { name, slices, rows }) => {
    const heads = Object.entries(slices).map(([label, count]) => FS.element("span", {}, label, FS.element("small", {}, String(count))));
    FS.table(place, `${board.headline} by ${name} and method`, ["Method", ...heads], board.methods.map(({ label }, i) => [label, ...rows[i].scores[board.headline].map((value) => FS.percent(value))]));
  });
  const select = section.querySelector(".heat-method");
  if (select) {
    const heat = () => heatTable(section.querySelector(".heat"), board.headline, board.methods[Number(select.value)].draws);
    select.addEventListener("change", heat);
    heat();
  }
}
