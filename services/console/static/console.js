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
  stream = new EventSource(main.dataset.stream);
  stream.addEventListener("changed", refresh);
}

if (main?.dataset.stream && "EventSource" in window) {
  follow();
  // While nobody looks nothing is asked; the browser itself opens a stream again that has ended.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { stream.close(); } else if (stream.readyState === EventSource.CLOSED) { follow(); refresh(); }
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
