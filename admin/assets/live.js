// The live parts of the dashboard. Everything else works without scripts.

const MESSAGES_MAX = 500;
const BUSY_AFTER_MS = 400;

/** Parts of a page that the server renders anew every two seconds. */
for (const part of document.querySelectorAll("[data-live]")) {
  setInterval(() => refresh(part), 2000);
}

async function refresh(part) {
  if (document.hidden || isInUse(part)) return;
  const away = document.getElementById("away");
  try {
    const answer = await fetch(part.dataset.live, { redirect: "manual" });
    if (answer.type === "opaqueredirect") return location.reload();
    if (!answer.ok) throw new Error(answer.statusText);
    const text = await answer.text();
    if (!isInUse(part)) renew(part, text);
    away.hidden = true;
  } catch {
    away.hidden = false;
  }
}

/** Puts new content in place; whoever moves by keyboard stays where they are. */
function renew(part, text) {
  const { activeElement } = document;
  const name = ["id", "popovertarget", "href", "aria-label"].find((one) =>
    part.contains(activeElement) && activeElement.hasAttribute(one)
  );
  const value = name && CSS.escape(activeElement.getAttribute(name));
  part.innerHTML = text;
  if (name) part.querySelector(`[${name}="${value}"]`)?.focus();
}

/** Somebody is about to confirm something there, types, or has marked text to copy. */
function isInUse(part) {
  const { activeElement } = document;
  const marked = document.getSelection();
  return part.querySelector(":popover-open") !== null ||
    (part.contains(activeElement) && activeElement.matches("input, select, textarea, summary")) ||
    (!marked.isCollapsed && part.contains(marked.anchorNode));
}

/** A form that was sent is not sent again; what takes longer says that it goes on. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  // Not `form.method`: a field may have that name.
  if (event.defaultPrevented || form.getAttribute("method") !== "post") return;
  if (form.ariaBusy === "true") return event.preventDefault();
  form.ariaBusy = "true";
  setTimeout(() => {
    const progress = document.createElement("progress");
    progress.id = "busy";
    progress.ariaLabel = "The gateway is working on it";
    document.body.append(progress);
  }, BUSY_AFTER_MS);
});
// The browser may show the page again as it was left.
addEventListener("pageshow", () => {
  document.getElementById("busy")?.remove();
  for (const form of document.querySelectorAll("form[aria-busy]")) form.ariaBusy = null;
});

// What was refused is where the work goes on.
const refused = document.querySelector("[aria-invalid]");
if (refused !== null) refused.focus();
else document.getElementById("outcome")?.scrollIntoView({ block: "center" });

/** Adds a line to a list of messages; the oldest go. */
function say(list, text) {
  const line = document.createElement("p");
  line.textContent = text;
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 20;
  list.append(line);
  while (list.childElementCount > MESSAGES_MAX) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

const tail = document.getElementById("tail");
if (tail !== null && tail.dataset.source) {
  const source = new EventSource(tail.dataset.source);
  source.addEventListener("open", () => say(tail, "— watching —"));
  source.addEventListener("message", ({ data }) => say(tail, JSON.parse(data)));
  source.addEventListener("error", () => say(tail, "— the connection is lost; trying again —"));
  document.getElementById("tail-stop").addEventListener("click", () => {
    source.close();
    say(tail, "— stopped —");
  });
}

/** NATS over WebSocket, as text: what a person types is sent line by line. */
const client = document.getElementById("websocket");
if (client !== null) {
  let socket;
  const output = document.getElementById("websocket-output");
  const field = (name) => client.elements.namedItem(name).value;
  const send = (text) => {
    if (socket?.readyState !== WebSocket.OPEN) return say(output, "— not connected —");
    socket.send(new TextEncoder().encode(text));
    say(output, `> ${text.trimEnd()}`);
  };
  client.addEventListener("submit", (event) => {
    event.preventDefault();
    socket?.close();
    try {
      socket = new WebSocket(field("url"));
    } catch (error) {
      return say(output, `— ${error.message} —`);
    }
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      const text = typeof data === "string" ? data : new TextDecoder().decode(data);
      if (text.trim() === "PING") return socket.send("PONG\r\n");
      say(output, text.trimEnd());
    });
    socket.addEventListener("close", ({ reason }) => say(output, `— closed ${reason} —`));
    socket.addEventListener("open", () => {
      const login = { verbose: false, pedantic: false, name: "dashboard", lang: "browser" };
      if (field("user") !== "") Object.assign(login, { user: field("user"), pass: field("pass") });
      socket.send(`CONNECT ${JSON.stringify(login)}\r\nPING\r\n`);
      say(output, "— open —");
    });
  });
  document.getElementById("websocket-end").addEventListener("click", () => socket?.close());
  document.getElementById("websocket-sub").addEventListener("click", () => {
    send(`SUB ${field("subject")} 1\r\n`);
  });
  document.getElementById("websocket-pub").addEventListener("click", () => {
    const bytes = new TextEncoder().encode(field("payload")).length;
    send(`PUB ${field("subject")} ${bytes}\r\n${field("payload")}\r\n`);
  });
}
