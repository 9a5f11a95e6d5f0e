"use strict";
/* Runs before the page is drawn, so that it never flashes in the other scheme. */
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => { try { return localStorage.getItem("fsbench-theme"); } catch { return null; } };
  const current = () => kept() || (system.matches ? "dark" : "light");
  const apply = () => {
    const theme = current();
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.setAttribute("aria-pressed", String(theme === "dark"));
    document.dispatchEvent(new Event("themechange"));
  };
  apply();
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      try { localStorage.setItem("fsbench-theme", current() === "dark" ? "light" : "dark"); } catch { return; }
      apply();
    });
  });
})();
