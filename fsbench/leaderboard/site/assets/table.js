"use strict";
/* Tables that are sorted by their heads and filtered by what is typed; on a phone their rows unfold. */
for (const board of document.querySelectorAll("section.board")) {
  const table = board.querySelector("table.sortable");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];

  /* What a phone leaves out of a row, below it: its other cells by the names of their columns. */
  const unfolded = new Map();
  const fold = (row) => {
    unfolded.get(row).remove();
    unfolded.delete(row);
    row.querySelector(".unfold").setAttribute("aria-expanded", "false");
  };
  const unfold = (row) => {
    const list = FS.element("dl", {});
    for (const [i, cell] of [...row.cells].entries()) {
      const name = heads[i].textContent.trim();
      if (cell.matches(".rest:not(.whiskers)")) list.append(FS.element("div", {}, FS.element("dt", {}, name), FS.element("dd", {}, cell.innerText.trim() || cell.textContent.trim())));
    }
    const about = row.querySelector(".method small:not(.seeds, .goto)");
    const cell = FS.element("td", { colspan: row.cells.length }, ...(about ? [FS.element("p", {}, about.textContent)] : []), list, row.querySelector(".goto").cloneNode(true));
    unfolded.set(row, FS.element("tr", { class: "unfolded" }, cell));
    row.after(unfolded.get(row));
    row.querySelector(".unfold").setAttribute("aria-expanded", "true");
  };
  for (const row of rows) row.querySelector(".unfold").addEventListener("click", () => (unfolded.has(row) ? fold : unfold)(row));

  const sort = (head) => {
    const column = heads.indexOf(head);
    const isText = head.dataset.kind === "text";
    const falling = isText ? head.getAttribute("aria-sort") === "ascending" : head.getAttribute("aria-sort") !== "descending";
    for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const key = (row) => row.cells[column].dataset.value;
    const compare = (one, other) => {
      const [a, b] = [key(one), key(other)];
      if (a === "" || b === "") return (a === "") - (b === "");  /* missing values stay last */
      const order = isText ? a.localeCompare(b) : Number(a) - Number(b);
      return falling ? -order : order;
    };
    unfolded.forEach((_, row) => fold(row));
    body.append(...[...body.rows].sort(compare));
  };
  for (const head of heads) head.querySelector("button")?.addEventListener("click", () => sort(head));

  const text = board.querySelector(".filter");
  const training = board.querySelector(".training");
  const filter = () => {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    unfolded.forEach((_, row) => fold(row));
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted) || !["", row.dataset.trained].includes(training.value);
      shown += !row.hidden;
    }
    board.querySelector(".count").textContent = shown === rows.length ? "" : `${shown} of ${rows.length}`;
  };
  text.addEventListener("input", filter);
  training.addEventListener("change", filter);
}
