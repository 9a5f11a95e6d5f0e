"use strict";
/* A method's page: its bars by class, the best first, and its scores by attribute. */
for (const section of document.querySelectorAll("section.board")) {
  const part = FS.data.parts[Number(section.dataset.part)];
  const lines = [...part.classes].sort((one, other) => other.headline - one.headline);
  const values = lines.map(({ headline, interval }) => headline === null ? null : [headline, ...(interval || [null, null])]);
  const bars = () => FS.classBars(section.querySelector(".classes"), lines.map(({ name }) => name), [{ label: FS.data.title, colour: FS.data.colour, values }], part.headline);
  FS.onTheme(bars);
  FS.byAttribute(section, part.attributes, (place, { name, slices, rows: [{ episodes, scores }] }) => {
    const lines = Object.keys(slices).map((label, i) => [label, String(episodes[i]), ...part.metrics.map((metric) => FS.percent(scores[metric.name][i]))]);
    FS.table(place, `Scores by ${name}`, [name, "Episodes", ...part.metrics.map(({ title }) => title)], lines.filter((_, i) => episodes[i]));
  });
}
