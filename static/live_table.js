// Keeps a table up to date: asks the gateway only for what has changed. Pages without many rows are fetched
// whole by app.js. Without this file the table stays as it was loaded.
"use strict";

(() => {
  const refreshEvery = 5000; // ms

  const part = document.querySelector("[data-live-table]");
  const table = part.querySelector("[data-live-rows]");
  const body = table.querySelector("tbody");
  const note = part.querySelector("[data-refresh-note]");
  const failed = part.querySelector("[data-refresh-failed]");

  // The versions of what the page shows: the layout, the parts around the table, and each row. The gateway answers with the differences.
  function versions() {
    return [part.dataset.layout, part.dataset.frame, ...[...body.rows].map((row) => row.dataset.row)].join(",");
  }

  function rowOf(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }

  // While one of the parts around the table has the focus or something open, none of them changes. The gateway sends them again, because the
  // page keeps the old hash.
  function setFrame(frame, hash) {
    const heading = part.querySelector("[data-live-heading]");
    const parts = { above: part.querySelector("[data-live-above]"), found: part.querySelector("[data-live-found]"), below: part.querySelector("[data-live-below]") };
    for (const one of Object.values(parts)) {
      if (one.contains(document.activeElement) || one.querySelector("details[open]")) return;
    }
    if (heading.textContent !== frame.heading) heading.textContent = frame.heading;
    for (const [name, one] of Object.entries(parts)) one.innerHTML = frame[name];
    part.querySelector("[data-live-some]").hidden = frame.empty;
    part.dataset.frame = hash;
  }

  function setTexts(row, [version, ...texts]) {
    row.querySelectorAll("[data-live]").forEach((cell, i) => { cell.textContent = texts[i]; });
    row.dataset.row = `${row.dataset.row.split(".")[0]}.${version}`;
  }

  // No row moves while a button is under the pointer, so that nobody presses the button of another row.
  function setRows(changes) {
    const old = [...body.rows];
    const held = body.querySelector("button:hover") !== null;
    const rows = changes.map((change) => {
      if (typeof change === "number") return old[change];
      if (typeof change === "string") return held ? null : rowOf(change);
      setTexts(old[change[0]], change.slice(1));
      return old[change[0]];
    });
    if (held) return;
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && old.indexOf(focused.closest("tr"));
    const stay = new Set(rows);
    for (const row of old) {
      if (!stay.has(row)) row.remove();
    }
    rows.forEach((row, i) => {
      if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] ?? null);
    });
    table.hidden = rows.length === 0;
    if (focused && document.activeElement !== focused) {
      const next = document.getElementById(focused.id) ?? body.rows[Math.min(place, rows.length - 1)]?.querySelector("a");
      next?.focus({ preventScroll: true });
    }
  }

  function setFailed(is) {
    note.hidden = is;
    failed.hidden = !is;
  }

  async function refresh() {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store", headers: { "Ideco-Table-Rows": versions() }, signal: AbortSignal.timeout(refreshEvery) });
      if (answer.redirected) return void location.reload(); // the browser's session is over
      if (!answer.ok) return void setFailed(true);
      const changes = await answer.json();
      if (changes.reload) return void location.reload();
      if (changes.frame) setFrame(changes.frame, changes.hash);
      setRows(changes.rows);
      setFailed(false);
    } catch {
      setFailed(true);
    }
  }

  // There is one request at a time: an answer fits only the rows for which it was asked. A page that is shown again asks at once.
  let timer = 0;
  let asking = false;
  async function keepFresh() {
    if (asking) return;
    clearTimeout(timer);
    asking = true;
    await refresh();
    asking = false;
    timer = setTimeout(keepFresh, refreshEvery);
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) keepFresh();
  });

  // After a session is ended the table is scrolled as before, and the row beside the one that is gone has the focus.
  const scrollKey = `scroll ${location.pathname}`;
  document.querySelector("[data-act]").addEventListener("submit", () => {
    sessionStorage.setItem(scrollKey, JSON.stringify({ table: table.scrollTop, page: window.scrollY }));
  });
  function returnToPlace() {
    const saved = JSON.parse(sessionStorage.getItem(scrollKey) ?? "null");
    sessionStorage.removeItem(scrollKey);
    const link = location.hash.startsWith("#row-") && document.getElementById(location.hash.slice(1));
    if (!saved || !link) return;
    link.focus({ preventScroll: true });
    table.scrollTo({ top: saved.table, behavior: "instant" });
    window.scrollTo({ top: saved.page, behavior: "instant" });
    link.scrollIntoView({ block: "nearest", behavior: "instant" });
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  window.addEventListener("load", returnToPlace);

  setFailed(false);
  timer = setTimeout(keepFresh, refreshEvery);
})();
