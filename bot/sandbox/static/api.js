// The sandbox over HTTP: what people do, and the stream of what happens.

export async function get(path) {
  return answer(await fetch("/sandbox/api" + path));
}

export async function post(path, body = {}) {
  return answer(await fetch("/sandbox/api" + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }));
}

async function answer(response) {
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? response.statusText);
  return body;
}

// `receive` gets every event, `connected` gets true and false as the stream comes and goes.
export function listen(receive, connected) {
  const source = new EventSource("/sandbox/api/events");
  source.onopen = () => connected(true);
  source.onmessage = (event) => receive(JSON.parse(event.data));
  source.onerror = () => {
    connected(false);
    // A browser gives up for good when the answer was not a stream; a restart is no reason to.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(receive, connected), 1000);
  };
}
