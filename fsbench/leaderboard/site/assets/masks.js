"use strict";
/* Masks: COCO run-length codes, drawn as vectors over a frame, so that outlines stay sharp at any size. */
const Masks = {
  /* Lengths of runs, column by column, background first: 5 bits a byte, a sixth for "more", differences from the 4th on. */
  runs(counts) {
    const runs = [];
    let at = 0;
    while (at < counts.length) {
      let value = 0, shift = 0, more = true;
      while (more) {
        const code = counts.charCodeAt(at++) - 48;
        value |= (code & 31) << shift;
        more = (code & 32) !== 0;
        shift += 5;
        if (!more && (code & 16)) value |= -1 << shift;
      }
      if (runs.length > 2) value += runs[runs.length - 2];
      runs.push(value);
    }
    return runs;
  },
  /* Uint8Array, column-major, 1 inside. */
  decode(counts, height, width) {
    const mask = new Uint8Array(height * width);
    let at = 0, inside = 0;
    for (const run of Masks.runs(counts)) {
      if (inside) mask.fill(1, at, at + run);
      at += run;
      inside = 1 - inside;
    }
    return mask;
  },
  area: (counts) => Masks.runs(counts).reduce((sum, run, i) => sum + (i % 2 ? run : 0), 0),
  /* SVG paths of the inside, and of its border; where the frame cuts a mask there is no border. */
  paths(counts, height, width) {
    const mask = Masks.decode(counts, height, width);
    const at = (y, x) => (y >= 0 && y < height && x >= 0 && x < width ? mask[x * height + y] : 0);
    const fill = [], edge = [];
    for (let x = 0; x < width; x++) {
      for (let y = 0; y < height; y++) {
        if (at(y, x)) { const start = y; while (at(y, x)) y++; fill.push(`M${x} ${start}h1v${y - start}h-1z`); }
      }
    }
    for (let x = 1; x < width; x++) {
      for (let y = 0; y < height; y++) {
        if (at(y, x) !== at(y, x - 1)) { const start = y; while (y < height && at(y, x) !== at(y, x - 1)) y++; edge.push(`M${x} ${start}v${y - start}`); }
      }
    }
    for (let y = 1; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (at(y, x) !== at(y - 1, x)) { const start = x; while (x < width && at(y, x) !== at(y - 1, x)) x++; edge.push(`M${start} ${y}h${x - start}`); }
      }
    }
    return { fill: fill.join(""), edge: edge.join("") };
  },
  node(tag, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  },
  /* A frame with masks. layers: {code: {size, counts}, colour, line} for a method's, {code, truth: true} for the truth. */
  picture(place, { size: [height, width], src, label, layers }) {
    const svg = Masks.node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    svg.append(Masks.node("image", { href: src, width, height, class: width < 200 ? "pixelated" : "" }));
    for (const { code, colour, line, truth } of layers) {
      const [h, w] = code.size;
      const { fill, edge } = Masks.paths(code.counts, h, w);
      const group = Masks.node("g", { transform: `scale(${width / w} ${height / h})`, class: truth ? "layer-truth" : "layer-mask" });
      if (!truth) group.append(Masks.node("path", { d: fill, class: "fill", fill: colour }));
      group.append(Masks.node("path", { d: edge, class: "casing" }));
      group.append(Masks.node("path", truth ? { d: edge, class: "edge truth" } : { d: edge, class: "edge", stroke: line }));
      svg.append(group);
    }
    place.replaceChildren(svg);
  },
};
