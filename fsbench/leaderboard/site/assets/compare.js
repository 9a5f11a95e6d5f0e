"use strict";
/* Two methods, episode by episode. */
(() => {
  const { methods, colours, ids, isPart, scores, pairs, gallery, attributes } = FS.data;
  const SHOWN = 8;
  const a = document.getElementById("a"), b = document.getElementById("b"), metric = document.getElementById("metric");
  const score = (method, name, i) => FS.score((part) => scores[method][part][i], name);

  const card = (value, about) => FS.element("div", {}, FS.element("b", {}, value), FS.element("span", {}, about));
  const verdict = (one, other, differences) => {
    const place = document.getElementById("verdict");
    const stored = pairs[`${Math.min(one, other)}-${Math.max(one, other)}`];
    const cards = [];
    if (stored?.[metric.value]) {
      const sign = one < other ? 1 : -1;
      const { difference, low, high, p } = stored[metric.value];
      const ends = [sign * low, sign * high].sort((x, y) => x - y).map(FS.signed);
      cards.push(card(FS.signed(sign * difference), `mean difference, A minus B, by the protocol${low === undefined || low === null ? "" : `; 95 % interval ${ends[0]} to ${ends[1]}`}`));
      cards.push(card(p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`, `two-sided; ${stored.trainings}`));
      if (stored.power && metric.selectedIndex === 0) {
        const { smallest, needed } = stored.power;
        const ways = Object.entries(needed).map(([what, number]) => `${number} ${what}`).join(", or ");
        const more = p < 0.05 ? "" : ways ? `; this difference would be with ${ways}` : "; for this difference more of one thing alone is not enough";
        cards.push(card(smallest === null ? FS.percent(null) : FS.percent(smallest), `points: the smallest lead that is found here with a power of 0.8${more}`));
      }
    } else {
      const mean = differences.reduce((sum, { d }) => sum + d, 0) / (differences.length || 1);
      cards.push(card(FS.signed(mean), `mean difference over ${isPart ? "the episodes of this page" : "all episodes"}, each counted once`));
    }
    const wins = differences.filter(({ d }) => d > 0).length, losses = differences.filter(({ d }) => d < 0).length;
    cards.push(card(`${wins} : ${losses}`, `episodes that A wins and loses; ${differences.length - wins - losses} are equal`));
    place.replaceChildren(...cards);
  };

  const seenMasks = (seen, one, other, id) => {
    const pair = FS.element("div", { class: "pair" });
    for (const method of [one, other]) {
      const place = FS.element("span", { class: "picture" });
      const layers = seen.masks[method] ? [{ code: seen.masks[method], colour: FS.colour(colours[method]), line: FS.line(colours[method]) }] : [];
      Masks.picture(place, { size: seen.size, src: seen.src, label: `${methods[method]} on ${id}`, layers: [...layers, { code: seen.truth, truth: true }] });
      const swatch = FS.element("span", { class: "swatch", "data-colour": colours[method] });
      pair.append(FS.element("div", {}, place, FS.element("small", {}, swatch, methods[method])));
    }
    return pair;
  };

  /* A video with all its episodes, the biggest difference first; of those in the gallery, the first is shown. */
  const listed = (place, groups, one, other) => {
    place.replaceChildren(...groups.map(({ name, d, x, y, rows }) => {
      const item = FS.element("li", {}, FS.element("div", { class: "what" }, FS.element("strong", {}, name), FS.element("span", {}, `${FS.percent(x)} vs ${FS.percent(y)}, ${FS.signed(d)}`)));
      const lines = FS.element("ul", {});
      for (const row of rows) {
        const seen = gallery[ids[row.i]];
        const link = seen ? FS.element("a", { href: seen.href }, seen.sentence ? `${seen.sentence} (${ids[row.i]})` : ids[row.i]) : FS.element("span", {}, ids[row.i]);
        lines.append(FS.element("li", { class: "what" }, link, FS.element("span", {}, FS.signed(row.d))));
      }
      const shown = rows.find(({ i }) => gallery[ids[i]]?.src);
      if (shown) item.append(seenMasks(gallery[ids[shown.i]], one, other, ids[shown.i]));
      item.append(FS.element("details", {}, FS.element("summary", {}, rows.length === 1 ? "1 episode" : `${rows.length} episodes`), lines));
      return item;
    }));
  };

  /* Episodes by video and class, with the means of each: ids are fold/class/draw/video/sentence. */
  const byVideo = (rows) => {
    const groups = new Map();
    for (const row of rows) {
      const [fold, name, , video] = ids[row.i].split("/");
      const key = `${video}, ${name} (fold ${fold.slice(1)})`;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(row);
    }
    const mean = (of, key) => of.reduce((sum, row) => sum + row[key], 0) / of.length;
    return [...groups].map(([name, of]) => ({ name, rows: of, d: mean(of, "d"), x: mean(of, "x"), y: mean(of, "y") }));
  };

  /* The biggest of all, then the biggest of those with pictures. */
  const biggest = (sorted) => {
    const all = sorted.slice(0, SHOWN / 2);
    const pictured = sorted.filter((group) => !all.includes(group) && group.rows.some(({ i }) => gallery[ids[i]])).slice(0, SHOWN / 2);
    return [...all, ...pictured];
  };

  /* Slices of the same episodes alone: of others, a difference would say nothing of the methods. */
  const slices = FS.byAttribute(document, attributes, (place, { name, slices, rows }) => {
    const [x, y] = [rows[Number(a.value)], rows[Number(b.value)]];
    const lines = Object.keys(slices).map((label, i) => {
      const [u, v] = [x.scores[metric.value][i], y.scores[metric.value][i]];
      const isPaired = u !== null && v !== null && x.episodes[i] === y.episodes[i];
      return [label, String(Math.max(x.episodes[i], y.episodes[i])), FS.percent(u), FS.percent(v), isPaired ? FS.signed(u - v) : FS.percent(null)];
    });
    FS.table(place, `Difference by ${name}`, [name, "Episodes", "A", "B", "A − B"], lines);
  });

  const draw = () => {
    const one = Number(a.value), other = Number(b.value), name = metric.value;
    const rows = [];
    ids.forEach((_, i) => {
      const x = score(one, name, i), y = score(other, name, i);
      if (x !== null && y !== null) rows.push({ i, x, y, d: x - y });
    });
    verdict(one, other, rows);
    slices();
    const titles = [FS.plain(methods[one]), FS.plain(methods[other])];
    const isShare = rows.every(({ x, y }) => x >= 0 && x <= 1 && y >= 0 && y <= 1);
    const ends = isShare ? { range: [-2, 102], dtick: 20 } : {};
    FS.draw(document.getElementById("scatter"), [{
      type: "scatter", mode: "markers", x: rows.map(({ x }) => 100 * x), y: rows.map(({ y }) => 100 * y),
      text: rows.map(({ i }) => FS.plain(ids[i])), hovertemplate: "%{text}<br>A %{x:.1f}, B %{y:.1f}<extra></extra>",
      marker: { size: 5, opacity: 0.35, color: FS.css("--mark") },
    }], {
      xaxis: FS.axis({ ...ends, title: { text: `A: ${titles[0]}` }, constrain: "domain" }),
      yaxis: FS.axis({ ...ends, title: { text: `B: ${titles[1]}` }, scaleanchor: "x", constrain: "domain" }),
      shapes: [{ type: "line", x0: 0, y0: 0, x1: 100, y1: 100, line: { color: FS.css("--axis"), width: 1.5, dash: "dot" } }],
      hovermode: "closest",
    });
    FS.draw(document.getElementById("histogram"), [{
      type: "histogram", x: rows.map(({ d }) => 100 * d), xbins: { start: -102.5, end: 102.5, size: 5 },
      marker: { color: FS.css("--mark") }, hovertemplate: "%{x}: %{y} episodes<extra></extra>",
    }], {
      bargap: 0.08, xaxis: FS.axis({ title: { text: "A minus B" }, range: [-102.5, 102.5] }), yaxis: FS.axis({ title: { text: "episodes" } }),
    });
    const groups = byVideo(rows).sort((p, q) => q.d - p.d);
    for (const group of groups) group.rows.sort((p, q) => Math.sign(group.d) * (q.d - p.d));
    listed(document.getElementById("wins"), biggest(groups.filter(({ d }) => d > 0)), one, other);
    listed(document.getElementById("losses"), biggest(groups.filter(({ d }) => d < 0).reverse()), one, other);
    FS.swatches();
    history.replaceState(null, "", `#a=${one}&b=${other}`);
  };

  const asked = new URLSearchParams(location.hash.slice(1));
  for (const [select, key] of [[a, "a"], [b, "b"]]) if (asked.has(key) && methods[Number(asked.get(key))] !== undefined) select.value = asked.get(key);
  document.getElementById("swap").addEventListener("click", () => { [a.value, b.value] = [b.value, a.value]; draw(); });
  for (const select of [a, b, metric]) select.addEventListener("change", draw);
  FS.onTheme(draw);
})();
