// @ts-check
/**
 * Keeps the page for when there is no net, and isolates it where the server sends no such headers: static hosts.
 * What was exported together is kept together, by its version.
 */

const worker = /** @type {any} */ (self);
const PREFIX = "zerocross ";
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** @returns {Promise<Cache>} with all of the page that is there now; older ones go */
async function kept() {
  const answer = await fetch("about.json", { cache: "no-cache" });
  const { version, files } = await answer.clone().json();
  const name = PREFIX + worker.registration.scope + version;
  const cache = await caches.open(name);
  const there = new Set((await cache.keys()).map(({ url }) => url));
  for (const file of ["./", ...files]) {
    const url = new URL(file, worker.registration.scope).href;
    if (there.has(url)) continue;
    const found = await fetch(url, { cache: "no-cache" });
    if (!found.ok) throw new Error(`${url}: ${found.status}`);
    await cache.put(url, found);
  }
  await cache.put(new URL("about.json", worker.registration.scope).href, answer);
  for (const each of await caches.keys()) {
    if (each.startsWith(PREFIX + worker.registration.scope) && each !== name) await caches.delete(each);
  }
  return cache;
}

/** @param {Request} request @returns {Promise<Response>} from the server, or as it was kept where there is none */
async function answered(request) {
  const url = new URL(request.url);
  url.search = "";
  let found;
  try {
    found = await fetch(request);
  } catch (error) {
    found = await caches.match(url.href);
    if (!found) throw error;
  }
  if (found.status === 0 || found.type === "opaque") return found;
  const headers = new Headers(found.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(found.body, { status: found.status, statusText: found.statusText, headers });
}

worker.addEventListener("install", (/** @type {any} */ event) => {
  worker.skipWaiting();
  event.waitUntil(kept());
});
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("message", (/** @type {any} */ event) => event.data === "look" && event.waitUntil(kept().catch(() => null)));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === worker.location.origin) event.respondWith(answered(request));
});
