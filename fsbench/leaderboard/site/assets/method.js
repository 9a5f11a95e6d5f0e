"use strict";
/* A method's page: its bars by class, the best first. */
for (const section of document.querySelectorAll("section.board")) {
  const lines = [...FS.data.parts[Number(section.dataset.part)].classes].sort((one, other) => other.JF - one.JF);
  const values = lines.map(({ JF, interval }) => [JF, ...(interval || [null, null])]);
  const bars = () => FS.classBars(section.querySelector(".classes"), lines.map(({ name }) => name), [{ label: FS.data.title, colour: 0, values }]);
  FS.onTheme(bars);
}
