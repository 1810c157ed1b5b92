// Conveniences of the pages. Everything else works without this file.
"use strict";

(() => {
  const refreshEvery = 5000; // ms
  const toastFor = 5000; // ms
  const resendAfter = 10000; // ms
  const alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"; // without 0 O 1 l o I
  const passwordLength = 16; // 93 bits

  const toasts = document.querySelector("[data-toasts]");

  // A toast disappears after five seconds, but not while the pointer is on it.
  function timeToast(toast) {
    let timer = 0;
    const start = () => { timer = setTimeout(() => toast.remove(), toastFor); };
    const stop = () => clearTimeout(timer);
    toast.addEventListener("pointerenter", stop);
    toast.addEventListener("pointerleave", start);
    start();
  }

  // Screen readers announce a status region only when its content changes.
  function announce(toast) {
    requestAnimationFrame(() => {
      toast.remove();
      toasts.append(toast);
      timeToast(toast);
    });
  }

  function say(text) {
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.textContent = text;
    toasts.append(toast);
    timeToast(toast);
  }

  // randomText discards bytes beyond the last multiple of the alphabet's length, so that all characters are equally likely.
  function randomText(length) {
    const limit = 256 - (256 % alphabet.length);
    const byte = new Uint8Array(1);
    let text = "";
    while (text.length < length) {
      crypto.getRandomValues(byte);
      if (byte[0] < limit) text += alphabet[byte[0] % alphabet.length];
    }
    return text;
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) return;
    }
    say(toasts.dataset.copied);
  }

  function reveal(tools, visible) {
    const input = document.getElementById(tools.dataset.tools);
    const button = tools.querySelector("[data-show]");
    input.type = visible ? "text" : "password";
    button.setAttribute("aria-pressed", String(visible));
    button.querySelector("span").textContent = visible ? button.dataset.on : button.dataset.off;
  }

  function generate(tools, button) {
    const password = randomText(passwordLength);
    document.getElementById(tools.dataset.tools).value = password;
    const twin = button.dataset.generate && document.getElementById(button.dataset.generate);
    if (twin) twin.value = password;
    reveal(tools, true);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const tools = button && button.closest("[data-tools]");
    if (button && button.matches("[data-show]")) reveal(tools, button.getAttribute("aria-pressed") !== "true");
    if (button && button.matches("[data-generate]")) generate(tools, button);
    if (button && button.matches("[data-copy]")) {
      const from = document.getElementById(button.dataset.copy);
      copy(from.value ?? from.textContent);
    }
    for (const open of document.querySelectorAll("details[data-popover][open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll("details[data-popover][open]")) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });

  // The checkbox that opens the folded navigation: Enter works like Space, Escape closes it.
  const sections = document.getElementById("nav-toggle");
  document.addEventListener("keydown", (event) => {
    if (!sections) return;
    if (event.key === "Enter" && event.target === sections) {
      event.preventDefault();
      sections.checked = !sections.checked;
    }
    if (event.key === "Escape" && sections.checked) {
      sections.checked = false;
      sections.focus();
    }
  });

  // Enter in a field presses the button that belongs to it, and not the first one of the form.
  document.addEventListener("keydown", (event) => {
    const part = event.key === "Enter" && !event.isComposing && event.target.matches("input") && event.target.closest("[data-enter]");
    if (!part) return;
    event.preventDefault();
    document.getElementById(part.dataset.enter).click();
  });

  // The box in the head of a table marks all boxes with its name.
  function markAll(box) {
    const marks = document.querySelectorAll(`input[type="checkbox"][name="${box.dataset.markAll}"]`);
    const show = () => {
      const marked = [...marks].filter((mark) => mark.checked).length;
      box.checked = marked === marks.length;
      box.indeterminate = marked > 0 && marked < marks.length;
    };
    box.addEventListener("change", () => { for (const mark of marks) mark.checked = box.checked; });
    for (const mark of marks) mark.addEventListener("change", show);
    window.addEventListener("pageshow", show);
    box.hidden = false;
  }

  // A second click does not send a form again. After resendAfter it does: the person may have stopped loading.
  const sent = new Map();
  document.addEventListener("submit", (event) => {
    if (event.timeStamp - sent.get(event.target) < resendAfter) {
      event.preventDefault();
    } else {
      sent.set(event.target, event.timeStamp);
    }
  });
  window.addEventListener("pageshow", () => sent.clear()); // also when the browser goes back to the page

  // After a form was sent, the page is scrolled as before, and so are its tables. For the keyboard, the row or button has the focus again. A page
  // that asks for confirmation may come between.
  const placeKey = "place";

  function keepPlace(event) {
    if (event.defaultPrevented || event.target.method !== "post") return;
    const kept = JSON.parse(sessionStorage.getItem(placeKey));
    if (kept && kept.path !== location.pathname) return; // this page asks for confirmation
    const part = event.submitter?.matches(":focus-visible") && event.submitter.closest("[id]:not(main)");
    sessionStorage.setItem(placeKey, JSON.stringify({
      path: location.pathname,
      questions: 1,
      top: window.scrollY,
      tables: [...document.querySelectorAll(".table")].map((table) => table.scrollTop),
      focus: part ? part.id : "",
    }));
  }

  function restorePlace() {
    const kept = JSON.parse(sessionStorage.getItem(placeKey));
    if (!kept) return;
    if (kept.path !== location.pathname && kept.questions > 0) {
      sessionStorage.setItem(placeKey, JSON.stringify({ ...kept, questions: kept.questions - 1 }));
      return;
    }
    sessionStorage.removeItem(placeKey);
    if (kept.path !== location.pathname || document.getElementById(location.hash.slice(1)) || document.querySelector("[aria-invalid]")) return;
    const part = kept.focus && document.getElementById(kept.focus);
    if (part) {
      if (part.tabIndex < 0) part.tabIndex = -1;
      part.focus({ preventScroll: true });
    }
    window.scrollTo({ top: kept.top, behavior: "instant" });
    document.querySelectorAll(".table").forEach((table, i) => { table.scrollTop = kept.tables[i] ?? 0; });
  }

  document.addEventListener("submit", keepPlace);

  // A shown password is hidden before submitting, so that the browser does not remember it as text.
  document.addEventListener("submit", (event) => {
    for (const tools of event.target.querySelectorAll("[data-tools]")) reveal(tools, false);
  });

  // The page of the certificate fetches itself again and replaces the part with data-refresh, but not while a button in it has the pointer or the
  // focus, or something in it is open. The monitor has live_table.js instead: its rows are too many to be sent whole every time.
  function isBusy(part) {
    const focused = document.activeElement;
    return document.hidden ||
      part.querySelector("button:hover, form:hover, details[open]") !== null ||
      (part.contains(focused) && focused.matches("button"));
  }

  function replace(part, fresh) {
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    fresh.querySelector("[data-refresh-note]").hidden = false;
    part.replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function showFailure(part) {
    part.querySelector("[data-refresh-note]").hidden = true;
    part.querySelector("[data-refresh-failed]").hidden = false;
  }

  // data-refresh has the address to fetch: after a form that was not accepted, that of the page is the form's, which cannot be fetched.
  async function refresh() {
    const part = document.querySelector("[data-refresh]");
    if (isBusy(part)) return;
    try {
      const answer = await fetch(part.dataset.refresh, { cache: "no-store", signal: AbortSignal.timeout(refreshEvery) });
      if (answer.redirected) return void location.reload(); // the browser's session is over
      if (!answer.ok) return void showFailure(part);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-refresh]");
      if (!fresh) return void location.reload();
      if (isBusy(part)) return;
      replace(part, document.adoptNode(fresh));
      for (const also of document.querySelectorAll("[data-refresh-also]")) {
        const freshAlso = page.getElementById(also.id);
        if (freshAlso && !isBusy(also)) also.replaceWith(document.adoptNode(freshAlso));
      }
    } catch {
      showFailure(part);
    }
  }

  // The next fetch starts after the previous one has ended.
  function keepFresh() {
    setTimeout(() => refresh().finally(keepFresh), refreshEvery);
  }

  // At the end of a trial the gateway reverts the change; the page is reloaded to show that.
  // Screen readers hear the time left at a few moments, not every second.
  const announceAt = [45, 30, 15, 10, 5];

  function countDown(left) {
    const ends = Date.now() + Number(left.textContent) * 1000;
    const said = document.getElementById(left.dataset.announce);
    const timer = setInterval(() => {
      const seconds = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
      if (String(seconds) !== left.textContent && announceAt.includes(seconds)) said.textContent = `${left.previousSibling.textContent} ${seconds}`;
      left.textContent = String(seconds);
      if (Date.now() < ends + 2000) return;
      clearInterval(timer);
      location.assign(left.dataset.countdown);
    }, 1000);
  }

  restorePlace();
  document.querySelector("[aria-invalid][autofocus]")?.focus(); // an address with an anchor keeps the browser from doing it
  for (const tools of document.querySelectorAll("[data-tools], .command-line [data-copy]")) tools.hidden = false;
  for (const box of document.querySelectorAll("[data-mark-all]")) markAll(box);
  for (const left of document.querySelectorAll("[data-countdown]")) countDown(left);
  for (const toast of document.querySelectorAll("[data-toast]")) announce(toast);
  if (document.querySelector("[data-refresh]")) {
    document.querySelector("[data-refresh-note]").hidden = false;
    keepFresh();
  }
})();
