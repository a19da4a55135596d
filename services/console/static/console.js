// What the console does beyond its pages: it shows what changed without being asked to load again. All else works without.
//
// A page that has parts marked data-live names in data-stream of its <main> an address that says when something has
// moved. The page is then fetched anew, and these parts of it are replaced; what is folded open stays so.

const main = document.getElementById("main");
const news = document.getElementById("news");

function folds(part) {
  return [...part.querySelectorAll("details")].map((one) => one.open);
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
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
  stream = new EventSource(main.dataset.stream);
  stream.addEventListener("changed", refresh);
}

follow();
// While nobody looks nothing is asked; the browser itself opens a stream again that has ended.
document.addEventListener("visibilitychange", () => {
  if (!stream) return;
  if (document.hidden) { stream.close(); } else if (stream.readyState === EventSource.CLOSED) { follow(); refresh(); }
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
    main.dataset.stream = fresh.getElementById("main").dataset.stream ?? "";
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
