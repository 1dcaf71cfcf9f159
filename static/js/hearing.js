// Whether the server is heard: when anything came of it last, on any way, and which websocket has
// nobody at its other end any more.
(function () {
  "use strict";

  // A server that is there says something at least every 8 seconds.
  const SILENT_MS = 15000;
  const LOOK_MS = 1000;
  const ASLEEP_MS = 5000;
  const SILENT = "silent";

  let heardAt = performance.now();

  function heard() {
    heardAt = performance.now();
  }

  // A websocket whose other end is gone without a word stays open for minutes. One that nothing
  // comes from is over for the page at once, however long the browser waits for the other end.
  function watch(socket) {
    let last = performance.now();
    let looked = last;
    let ours = null;
    const hear = () => {
      heard();
      last = heardAt;
    };
    const timer = setInterval(() => {
      const now = performance.now();
      // What came while the page itself slept has yet to be taken.
      const slept = now - looked > ASLEEP_MS;
      looked = now;
      if (slept || now - last < SILENT_MS) return;
      clearInterval(timer);
      ours = new CloseEvent("close", { code: 1006, reason: SILENT });
      socket.close();
      socket.dispatchEvent(ours);
    }, LOOK_MS);
    socket.addEventListener("open", hear);
    socket.addEventListener("message", hear);
    socket.addEventListener("close", (event) => {
      clearInterval(timer);
      if (ours && event !== ours) event.stopImmediatePropagation();
    });
    return socket;
  }

  window.hearing = {
    watch,
    heard,
    // Whether a websocket was closed because nothing came of it.
    wasSilent: (event) => event.reason === SILENT,
    // When something came last, as a Date.
    since: () => new Date(Date.now() - (performance.now() - heardAt)),
  };
})();
