"use strict";
/* The front page: bars by class, and the heat map of draws by class. */
const heatTable = (place, headline, { classes, draws, values }) => {
  const top = Math.max(...values.flat().filter((value) => value !== null), 1e-9);
  const head = FS.element("tr", {}, FS.element("th", { scope: "col", class: "left" }, "Draw"));
  for (const name of classes) head.append(FS.element("th", { scope: "col" }, name));
  const body = FS.element("tbody");
  draws.forEach((draw, i) => {
    const row = FS.element("tr", {}, FS.element("th", { scope: "row" }, String(draw)));
    for (const value of values[i]) {
      const cell = FS.element("td", {}, FS.percent(value));
      cell.style.setProperty("--share", value === null ? 0 : value / top);
      row.append(cell);
    }
    body.append(row);
  });
  place.replaceChildren(FS.element("table", {}, FS.element("caption", { class: "hidden" }, `${headline} by support draw and class`), FS.element("thead", {}, head), body));
};

for (const section of document.querySelectorAll("section.board")) {
  const board = FS.data.boards[Number(section.dataset.board)];
  const boxes = [...section.querySelectorAll(".picker input")];
  const place = section.querySelector(".classes");
  const bars = () => {
    const chosen = boxes.filter((box) => box.checked).map((box) => Number(box.value));
    FS.classBars(place, board.classes, chosen.map((i) => ({ label: board.methods[i].label, colour: i, values: board.methods[i].classes })), board.headline);
  };
  for (const box of boxes) box.addEventListener("change", bars);
  FS.onTheme(bars);
  const select = section.querySelector(".heat-method");
  if (select) {
    const heat = () => heatTable(section.querySelector(".heat"), board.headline, board.methods[Number(select.value)].draws);
    select.addEventListener("change", heat);
    heat();
  }
}
