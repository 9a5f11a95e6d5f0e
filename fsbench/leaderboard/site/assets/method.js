"use strict";
/* A method's page: its bars by class, the best first. */
for (const section of document.querySelectorAll("section.board")) {
  const part = FS.data.parts[Number(section.dataset.part)];
  const lines = [...part.classes].sort((one, other) => other.headline - one.headline);
  const values = lines.map(({ headline, interval }) => headline === null ? null : [headline, ...(interval || [null, null])]);
  const bars = () => FS.classBars(section.querySelector(".classes"), lines.map(({ name }) => name), [{ label: FS.data.title, colour: 0, values }], part.headline);
  FS.onTheme(bars);
}
