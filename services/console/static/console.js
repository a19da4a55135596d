// What the console does beyond its pages: it shows what changed without being asked to load again. All else works without.
//
// A page that has parts marked data-live names in data-stream of its <main> an address that says when something has
// moved since data-mark. The page is then fetched anew, and these parts of it are replaced; what is folded open stays so.

const main = document.getElementById("main");
const news = document.getElementById("news");
// Milliseconds until what did not answer is asked again.
const AGAIN = 15000;

function folds(part) {
  return [...part.querySelectorAll("details")].map((one) => one.open);
}

// The page as it is now; null while the server is away or being replaced, and "" for who has to sign in again, or where
// it is no more: the next page says so.
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
    // Nobody loses his place in a form, or the row that he is at.
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
  // The browser opens a stream again by itself, but not one that was refused: the server was away, or had too many.
  stream.addEventListener("error", () => { if (stream?.readyState === EventSource.CLOSED) setTimeout(again, AGAIN); });
}

function again() {
  if (!document.hidden && stream?.readyState === EventSource.CLOSED) follow();
}

follow();
// While nobody looks nothing is asked; a stream that begins again tells what has moved since.
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

// The sliders of a page: each moves the field beside it and is moved by it, and the page follows. What follows from
// both is the server's to say; it answers with the page at its own address.

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

// What was asked for is on its way: the button says so until the next page is there, or this one is back.
addEventListener("submit", (event) => { event.submitter?.setAttribute("aria-busy", "true"); });
addEventListener("pageshow", () => {
  for (const busy of document.querySelectorAll("[aria-busy]")) busy.removeAttribute("aria-busy");
});
