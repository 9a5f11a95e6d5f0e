"use strict";
/* The gallery: a frame of each episode, with the truth. */
for (const place of document.querySelectorAll("[data-thumb]")) {
  const { size, src, truth, label } = FS.data.thumbs[Number(place.dataset.thumb)];
  Masks.picture(place, { size, src, label, layers: [{ code: truth, truth: true }] });
}
