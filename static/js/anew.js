// What a page reads anew by itself takes the place of what it shows only where it says something
// else: what somebody has selected, points at or has opened around it stays.
(function () {
  "use strict";

  // Told to ask by a script, or by nothing but the time.
  const ITSELF = ["refresh", "told"];
  const HTMX = /^(data-)?hx-/;
  // Classes of a moment: they say what has just come, or what htmx is about.
  const OF_A_MOMENT = /^(fresh$|htmx-)/;
  const FIELDS = "input, textarea, select";

  const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;
  const isTime = (node) => node.matches("time, [data-since]");
  const momentOf = (node) => node.getAttribute("datetime") + " " + node.dataset.since;

  // Whether one can become the other. What a script has made its own (data-whole) and what somebody
  // may have filled in is taken whole.
  function isAlike(known, fresh) {
    if (known.nodeName !== fresh.nodeName) return false;
    if (!isElement(fresh)) return true;
    if (known.id !== fresh.id || fresh.hasAttribute("data-whole")) return false;
    if (fresh.matches(FIELDS)) return known.isEqualNode(fresh);
    return !isTime(fresh) || momentOf(known) === momentOf(fresh);
  }

  function takeAttributes(known, fresh) {
    let isForHtmx = false;
    const set = (name, value) => {
      if (known.getAttribute(name) === value) return;
      if (value === null) known.removeAttribute(name);
      else known.setAttribute(name, value);
      isForHtmx ||= HTMX.test(name);
    };
    const names = new Set([...known.getAttributeNames(), ...fresh.getAttributeNames()]);
    // Opened, or closed, by whoever reads it.
    if (known.nodeName === "DETAILS") names.delete("open");
    if (names.delete("class")) {
      // What stands there has not just come, whatever is told of it.
      const lasting = Array.from(fresh.classList).filter((name) => !OF_A_MOMENT.test(name));
      const passing = Array.from(known.classList).filter((name) => OF_A_MOMENT.test(name));
      set("class", [...lasting, ...passing].join(" ") || null);
    }
    for (const name of names) set(name, fresh.getAttribute(name));
    return isForHtmx;
  }

  // A row is known by its own id, or by the first in it.
  const nameOf = (node) => (isElement(node) ? node.id || node.querySelector("[id]")?.id || "" : "");

  // Rows that keep their places (places.js) keep them as all of them are read anew: what is gone
  // leaves its place free, what is new takes one, the newest, which is read first, last.
  function takePlaces(list, fresh, made) {
    const rows = new Map(Array.from(fresh.children, (row) => [row.id, row]));
    const known = Array.from(list.children).filter((row) => row.id);
    for (const row of known) {
      if (rows.has(row.id)) become(row, rows.get(row.id), made);
      else window.places.leaveInTime(row);
      rows.delete(row.id);
    }
    for (const row of Array.from(rows.values()).reverse()) {
      window.places.take(list, row);
      made.push(row);
    }
  }

  function takeChildren(known, fresh, made) {
    if (known.hasAttribute("data-places")) {
      takePlaces(known, fresh, made);
      return;
    }
    const wanted = new Set(Array.from(fresh.childNodes, nameOf));
    const named = new Map();
    const others = new Set();
    for (const child of known.childNodes) {
      const name = nameOf(child);
      if (name && wanted.has(name)) named.set(name, child);
      else others.add(child);
    }
    const find = (child) => {
      const rest = Array.from(others);
      const like = named.get(nameOf(child)) || rest.find((other) => other.isEqualNode(child)) || rest.find((other) => isAlike(other, child));
      return like && isAlike(like, child) ? like : null;
    };
    let next = known.firstChild;
    for (const child of Array.from(fresh.childNodes)) {
      const like = find(child);
      if (like) {
        named.delete(nameOf(child));
        others.delete(like);
        // Where what stood between is gone, nothing has to move.
        while (next !== like && others.delete(next)) next = removed(next);
        if (next === like) next = like.nextSibling;
        else known.insertBefore(like, next);
        become(like, child, made);
      } else {
        known.insertBefore(child, next);
        if (isElement(child)) made.push(child);
      }
    }
    for (const other of [...others, ...named.values()]) other.remove();
  }

  function removed(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  function become(known, fresh, made) {
    if (!isElement(fresh)) {
      if (known.data !== fresh.data) known.data = fresh.data;
      return;
    }
    if (takeAttributes(known, fresh)) made.push(known);
    // Its text is the browser's: the time of its zone, or one that ticks.
    if (!isTime(fresh)) takeChildren(known, fresh, made);
  }

  // What was selected is selected again where a row had to move, not where it says something else.
  function keepingSelected(change) {
    const selection = document.getSelection();
    const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
    const ends = selection.isCollapsed ? [] : [anchorNode, focusNode];
    const said = ends.map((node) => node.data);
    change();
    if (!ends.length || (selection.anchorNode === anchorNode && selection.focusNode === focusNode)) return;
    if (!ends.every((node, index) => node.isConnected && node.data === said[index])) return;
    const within = (node, offset) => Math.min(offset, (node.data ?? node.childNodes).length);
    selection.setBaseAndExtent(anchorNode, within(anchorNode, anchorOffset), focusNode, within(focusNode, focusOffset));
  }

  // Makes of an element what another says, or puts that in its place; returns what is new to htmx.
  function take(known, fresh) {
    const made = [];
    keepingSelected(() => {
      if (isAlike(known, fresh)) become(known, fresh, made);
      else {
        known.replaceWith(fresh);
        made.push(fresh);
      }
    });
    return made;
  }

  function fill(known, fresh) {
    const made = [];
    keepingSelected(() => takeChildren(known, fresh, made));
    return made;
  }

  const forHtmx = (made) => made.forEach((element) => htmx.process(element));

  window.anew = {
    isByItself: ({ detail }) => {
      const cause = detail.requestConfig?.triggeringEvent;
      return !cause || ITSELF.includes(cause.type);
    },
    take: (known, fresh) => forHtmx(take(known, fresh)),
    fill: (known, fresh) => forHtmx(fill(known, fresh)),
  };

  // How an answer takes its place is as it was said when it was asked for. What asks for itself may
  // have been read anew since, with all of the page, and not ask, or say, any more.
  const ways = new WeakMap();
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    ways.set(detail.xhr, detail.elt.closest("[hx-swap]")?.getAttribute("hx-swap"));
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = event;
    const way = ways.get(detail.xhr);
    if (!way || detail.swapOverride) return;
    const isAnew = window.anew.isByItself(event) && (way === "innerHTML" || way === "outerHTML");
    detail.swapOverride = isAnew ? "anew-" + way : way;
  });

  function swapped(way, target, fragment, settling) {
    if (way === "anew-innerHTML") return fill(target, fragment);
    const [only, ...more] = fragment.children;
    if (only && !more.length && isAlike(target, only)) return take(target, only);
    const made = Array.from(fragment.children);
    target.replaceWith(fragment);
    settling.elts = [...settling.elts.filter((element) => element !== target), ...made];
    return made;
  }

  htmx.defineExtension("anew", {
    isInlineSwap: (way) => way === "anew-outerHTML",
    handleSwap(way, target, fragment, settling) {
      if (way !== "anew-innerHTML" && way !== "anew-outerHTML") return false;
      // Until it is settled, what does not ask any more would ask in the name of what is around it.
      const made = swapped(way, target, fragment, settling);
      forHtmx(made);
      return made;
    },
  });
})();
