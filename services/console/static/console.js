// Updates open pages when their content changes, without a reload. Everything else works without this script.
//
// A page with parts marked data-live names in data-stream of its <main> an address that reports changes since data-mark.
// After a change the page is fetched again, and these parts are replaced; details that were open stay open.

const main = document.getElementById("main");
const news = document.getElementById("news");
// Milliseconds until a failed request is repeated.
const AGAIN = 15000;

function folds(part) {
  return [...part.querySelectorAll("details")].map((one) => one.open);
}

// The page as it is now; null while the server is away or being replaced; "" if the visitor must sign in again, or the
// page no longer exists, which the next page reports.
async function loaded() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
    if (answer.status >= 500 || answer.status === 429) return null;
    return answer.ok ? await answer.text() : "";
  } catch {
    return null;
  }
}

let later = 0;

async function refresh() {
  const text = await loaded();
  clearTimeout(later);
  if (text === null) later = setTimeout(refresh, AGAIN);
  if (!text) return;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  main.dataset.mark = fresh.getElementById("main")?.dataset.mark ?? "";
  let changed = false;
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    // A part that has the focus is not replaced, so that nobody loses their place in a form or a table.
    if (!next || next.innerHTML === part.innerHTML || part.contains(document.activeElement)) continue;
    const open = folds(part);
    part.replaceChildren(...next.childNodes);
    part.querySelectorAll("details").forEach((one, place) => { one.open = open[place] ?? one.open; });
    part.classList.remove("changed");
    requestAnimationFrame(() => part.classList.add("changed"));
    changed = true;
  }
  if (changed && news) news.textContent = `Updated ${new Date().toLocaleTimeString("en-GB", { timeZoneName: "short" })}`;
}

let stream = null;

function follow() {
  stream?.close();
  stream = null;
  if (!main?.dataset.stream || !("EventSource" in window)) return;
  const address = new URL(main.dataset.stream, location.href);
  if (main.dataset.mark) address.searchParams.set("at", main.dataset.mark);
  stream = new EventSource(address);
  stream.addEventListener("changed", refresh);
  // The browser reopens a stream by itself, but not one that was refused: the server was away, or had too many streams.
  stream.addEventListener("error", () => { if (stream?.readyState === EventSource.CLOSED) setTimeout(again, AGAIN); });
}

function again() {
  if (!document.hidden && stream?.readyState === EventSource.CLOSED) follow();
}

follow();
// A hidden page makes no requests; a stream that is opened again reports the changes since.
document.addEventListener("visibilitychange", () => {
  if (!stream) return;
  if (document.hidden) { stream.close(); } else { again(); }
});

function offerPrinting() {
  for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
}

offerPrinting();
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

// The sliders of a page: each moves the field beside it, and the field moves the slider; then the page is loaded. The
// server works out the day and the moment from both, and answers with the page at its own address.

const time = document.getElementById("time");

function said(slider) {
  const value = Number(slider.value);
  if (slider.dataset.slides === "asOf") return new Date(value * 86400000).toISOString().slice(0, 10);
  return value >= Number(slider.max) ? "" : new Date(value * 1000).toISOString().slice(0, 19);
}

function tell(slider) {
  const field = time.elements[slider.dataset.slides];
  slider.setAttribute("aria-valuetext", field.value ? field.value.replace("T", " ") : "now");
}

function place(slider) {
  const field = time.elements[slider.dataset.slides];
  if (!field.value) { slider.value = slider.dataset.now; return; }
  slider.value = String(Math.round(Date.parse(field.value + (field.type === "date" ? "" : "Z")) / (field.type === "date" ? 86400000 : 1000)));
}

let asked = null;

async function look(address, keep) {
  asked?.abort();
  asked = new AbortController();
  time.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" }, signal: asked.signal });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const page = fresh.getElementById("page");
    if (!page) { location.assign(address); return; }
    document.getElementById("page").replaceChildren(...page.childNodes);
    document.title = fresh.title;
    for (const part of [".trail", ".top nav", ".search"]) document.querySelector(part).innerHTML = fresh.querySelector(part).innerHTML;
    const next = fresh.getElementById("time");
    if (next) {
      const says = document.getElementById("time-says"), then = fresh.getElementById("time-says");
      says.className = then.className;
      says.replaceChildren(...then.childNodes);
      for (const one of next.querySelectorAll("input")) {
        const mine = time.elements[one.name];
        if (!mine) continue;
        for (const name of ["min", "max", "step"]) if (one.hasAttribute(name)) mine.setAttribute(name, one.getAttribute(name));
        mine.value = one.value;
      }
      time.querySelectorAll("[data-slides]").forEach(tell);
    }
    for (const name of ["stream", "mark"]) main.dataset[name] = fresh.getElementById("main").dataset[name] ?? "";
    if (keep) history.pushState(null, "", answer.url);
    offerPrinting();
    follow();
    time.removeAttribute("aria-busy");
  } catch (error) {
    if (error.name !== "AbortError") location.assign(address);
  }
}

function asForm(button) {
  const given = new URLSearchParams(new FormData(time));
  if (button?.name) given.set(button.name, button.value);
  return `${time.action}?${given}`;
}

if (time?.querySelector("[data-slides]")) {
  let soon = null;
  for (const slider of time.querySelectorAll("[data-slides]")) {
    tell(slider);
    slider.addEventListener("input", () => { time.elements[slider.dataset.slides].value = said(slider); tell(slider); });
    slider.addEventListener("change", () => {
      clearTimeout(soon);
      soon = setTimeout(() => look(asForm(), true), 250);
    });
    time.elements[slider.dataset.slides].addEventListener("input", () => { place(slider); tell(slider); });
  }
  time.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(soon);
    look(asForm(event.submitter), true);
  });
  window.addEventListener("popstate", () => location.reload());
}

// A request is in progress: the button says so until the next page is there, or this one is shown again.
addEventListener("submit", (event) => { event.submitter?.setAttribute("aria-busy", "true"); });
addEventListener("pageshow", () => {
  for (const busy of document.querySelectorAll("[aria-busy]")) busy.removeAttribute("aria-busy");
});
