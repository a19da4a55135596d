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
  if (changed && news) news.textContent = `Updated ${new Date().toLocaleTimeString("en-GB")}`;
}

let stream = null;

function follow() {
  const address = new URL(main.dataset.stream, location.href);
  if (main.dataset.mark) address.searchParams.set("at", main.dataset.mark);
  stream = new EventSource(address);
  stream.addEventListener("changed", refresh);
  // The browser opens a stream again by itself, but not one that was refused: the server was away, or had too many.
  stream.addEventListener("error", () => { if (stream.readyState === EventSource.CLOSED) setTimeout(again, AGAIN); });
}

function again() {
  if (!document.hidden && stream.readyState === EventSource.CLOSED) follow();
}

if (main?.dataset.stream && "EventSource" in window) {
  follow();
  // While nobody looks nothing is asked; a stream that begins again tells what has moved since.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { stream.close(); } else { again(); }
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
