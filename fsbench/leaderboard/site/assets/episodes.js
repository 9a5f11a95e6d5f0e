"use strict";
/* The gallery: a frame of each episode, with the truth; filtered by class or sentence. */
for (const place of document.querySelectorAll("[data-thumb]")) {
  const { size, src, truth, label } = FS.data.thumbs[Number(place.dataset.thumb)];
  Masks.picture(place, { size, src, label, layers: [{ code: truth, truth: true }] });
}
{
  const field = document.getElementById("filter");
  const sections = [...document.querySelectorAll(".gallery section")];
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    let shown = 0, all = 0;
    for (const section of sections) {
      const isOfClass = section.querySelector("h2").textContent.toLowerCase().includes(wanted);
      const cards = [...section.querySelectorAll("li")];
      for (const card of cards) card.hidden = !isOfClass && !card.querySelector(".said").textContent.toLowerCase().includes(wanted);
      const left = cards.filter((card) => !card.hidden).length;
      section.hidden = left === 0;
      shown += left;
      all += cards.length;
    }
    document.querySelector(".count").textContent = shown === all ? "" : `${shown} of ${all}`;
  });
}
